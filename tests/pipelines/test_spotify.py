"""Spotify's tracks: every key asked gets exactly one answer, its own, however Spotify lets itself be asked."""

from collections.abc import Callable, Iterator

import pytest
from conftest import make_settings
from dlt.extract.exceptions import ResourceExtractionError

from pipelines.http import Client, StageEndedError
from pipelines.lookup import Lookup
from pipelines.sources.spotify import SpotifyApp, spotify
from pipelines.stages import SPOTIFY
from sandbox.server import Sandbox
from sandbox.world import CLIENT_SECRET, DEAD_SPOTIFY_IDS, MALFORMED_SPOTIFY_ID, make_world

ASTLEY, KILLERS, INDILA = "4cOdK2wGLETKBW3PvgPWqT", "003vvx7Niy0yvhvHt4a68B", "4R2kfaDFhslZEMJqAFNpdd"
TRACKS = sorted(make_world().tracks)
DEAD = DEAD_SPOTIFY_IDS[0]
Answers = dict[str, tuple[str, object]]


@pytest.fixture
def client(settings, database) -> Iterator[Client]:
    with Client(settings, database, SPOTIFY) as client:
        yield client


@pytest.fixture
def app(client, settings) -> SpotifyApp:
    return SpotifyApp(client, settings)


@pytest.fixture
def ask(app) -> Callable[[list[str]], list[Lookup]]:
    return lambda keys: list(unwrapped(app, keys))


def unwrapped(app: SpotifyApp, keys: list[str]) -> Iterator[Lookup]:
    """What the source gives, and raises, without dlt's wrapping."""
    try:
        yield from spotify(app, "tracks", keys)
    except ResourceExtractionError as error:
        raise error.__cause__ or error from None


def until_the_end(app: SpotifyApp, keys: list[str]) -> tuple[list[Lookup], StageEndedError]:
    """What the source gives before the stage ends, and why it does."""
    lookups: list[Lookup] = []
    try:
        for lookup in unwrapped(app, keys):
            lookups.append(lookup)
    except StageEndedError as error:
        return lookups, error
    pytest.fail("The stage did not end.")


def answers(lookups: list[Lookup]) -> Answers:
    """Outcome and payload by key, after each key was seen to have one."""
    assert len({lookup.key for lookup in lookups}) == len(lookups)
    assert {lookup.table for lookup in lookups} <= {"spotify_tracks"}
    return {lookup.key: (lookup.outcome, lookup.payload) for lookup in lookups}


def outcomes(lookups: list[Lookup]) -> dict[str, str]:
    return {key: outcome for key, (outcome, _) in answers(lookups).items()}


def batches(sandbox: Sandbox) -> list[list[str]]:
    return [r.query["ids"].split(",") for r in sandbox.requests("spotify", "/v1/tracks") if "ids" in r.query]


def singles(sandbox: Sandbox) -> list[str]:
    return [r.path.rpartition("/")[2] for r in sandbox.requests("spotify", "/v1/tracks/")]


def unknown_ids(count: int) -> list[str]:
    return [f"{n:022d}" for n in range(1, count + 1)]


def test_fifty_are_asked_at_once_and_each_gets_its_own(ask, sandbox):
    keys = [*TRACKS, *unknown_ids(120 - len(TRACKS))]

    lookups = ask(keys)

    found = answers(lookups)
    assert set(found) == set(keys)
    assert [key for key, (_, payload) in found.items() if payload and payload["id"] != key] == []
    assert {outcome for key, (outcome, _) in found.items() if key in TRACKS} == {"found"}
    assert {outcome for key, (outcome, _) in found.items() if key not in TRACKS} == {"not_found"}
    assert sorted(map(len, batches(sandbox))) == [20, 50, 50]
    assert sorted(key for batch in batches(sandbox) for key in batch) == sorted(keys)
    assert singles(sandbox) == []


def test_the_payload_is_spotifys_track_object(ask):
    (lookup,) = ask([INDILA])

    assert (lookup.outcome, lookup.http_status, lookup.error) == ("found", 200, None)
    assert lookup.payload["name"] == "Dernière danse"
    assert lookup.payload["external_ids"] == {"isrc": "FRUM71301044"}
    assert lookup.payload["album"]["release_date"] == "2014-02-24"
    assert lookup.requested_at <= lookup.answered_at


@pytest.mark.parametrize("keys", [TRACKS[:5], [DEAD, *TRACKS[:5]], [*TRACKS[:5], DEAD], [DEAD, DEAD_SPOTIFY_IDS[1]]])
@pytest.mark.parametrize("kind", ["reorder", "doubled", "fewer"])
def test_answers_are_joined_by_id_never_by_position(ask, sandbox, kind, keys):
    sandbox.faults.add("spotify", kind, path="ids=", times=None)

    found = answers(ask(keys))

    assert set(found) == set(keys)
    for key, (outcome, payload) in found.items():
        assert (outcome, payload and payload["id"]) == (("found", key) if key in TRACKS else ("not_found", None))


def test_a_relinked_track_answers_for_the_id_that_was_asked(ask, sandbox):
    entries = [{"id": KILLERS, "linked_from": {"id": ASTLEY}, "name": "moved"}, {"id": INDILA, "linked_from": None}]
    sandbox.faults.add("spotify", "json", path="ids=", body={"tracks": entries})

    assert answers(ask([INDILA, ASTLEY])) == {ASTLEY: ("found", entries[0]), INDILA: ("found", entries[1])}
    assert singles(sandbox) == []


def test_an_answer_for_an_id_that_nobody_asked_is_passed_over(ask, sandbox):
    sandbox.faults.add("spotify", "json", path="ids=", body={"tracks": [{"id": KILLERS}, {"id": ASTLEY}]})

    assert outcomes(ask([ASTLEY, INDILA])) == {ASTLEY: "found", INDILA: "found"}
    assert singles(sandbox) == [INDILA]


@pytest.mark.parametrize(
    "body",
    [
        "odd",
        [],
        {},
        {"tracks": None},
        {"tracks": {}},
        {"tracks": ["odd", 5]},
        {"tracks": [{}, {"id": None}]},
        {"tracks": [{"id": 5}, [None]]},
    ],
)
def test_what_a_batch_answer_of_another_shape_leaves_open_is_asked_one_by_one(ask, sandbox, body):
    sandbox.faults.add("spotify", "json", path="ids=", body=body)

    assert outcomes(ask([ASTLEY, DEAD])) == {ASTLEY: "found", DEAD: "not_found"}
    assert sorted(singles(sandbox)) == sorted([ASTLEY, DEAD])


def test_a_batch_that_stays_broken_is_asked_one_by_one_and_the_next_batch_together(ask, sandbox):
    keys = [*TRACKS, *unknown_ids(60 - len(TRACKS))]
    sandbox.faults.add("spotify", "status", path="ids=", status=502, times=4)
    sandbox.faults.add("spotify", "status", path=f"tracks/{TRACKS[0]}", status=500, times=None)

    found = outcomes(ask(keys))

    assert found == {key: "found" if key in TRACKS else "not_found" for key in keys} | {TRACKS[0]: "error"}
    assert sorted(singles(sandbox)) == sorted(keys[:50]), "each once: the batch was tried often enough"
    assert [len(batch) for batch in batches(sandbox)] == [50, 50, 50, 50, 10]


def test_a_service_that_answers_nothing_but_errors_fails_the_stage(app, sandbox):
    keys = unknown_ids(160)
    sandbox.faults.add("spotify", "status", path="/v1/", status=502, body="bad gateway", times=None)

    lookups, error = until_the_end(app, keys)

    assert (error.ended, "HTTP 502: bad gateway" in str(error)) == ("failed", True)
    assert outcomes(lookups) == dict.fromkeys(keys[:100], "error"), "the rest is not asked"


def test_what_was_answered_before_the_stage_ends_is_handed_on(app, sandbox):
    keys = unknown_ids(60)
    sandbox.faults.add("spotify", "status", path="/v1/", after=1, status=429, headers={"retry-after": "9000"})

    lookups, error = until_the_end(app, keys)

    assert error.ended == "retry_later"
    assert outcomes(lookups) == dict.fromkeys(keys[:50], "not_found")


MALFORMED = [MALFORMED_SPOTIFY_ID, "", f"{ASTLEY}x", ASTLEY[:-1], f"{ASTLEY[:-1]}-", f"{ASTLEY}\n", "0" * 21 + "ā"]


def test_malformed_ids_are_invalid_and_cost_no_request(ask, sandbox):
    lookups = ask(MALFORMED)

    assert outcomes(lookups) == dict.fromkeys(MALFORMED, "invalid")
    assert all(lookup.error for lookup in lookups)
    assert sandbox.log == []


def test_malformed_ids_spoil_no_batch(ask, sandbox):
    found = outcomes(ask([MALFORMED[0], ASTLEY, MALFORMED[2], DEAD]))

    assert found == {MALFORMED[0]: "invalid", ASTLEY: "found", MALFORMED[2]: "invalid", DEAD: "not_found"}
    assert [sorted(batch) for batch in batches(sandbox)] == [sorted([ASTLEY, DEAD])]


def test_an_app_in_development_mode_gets_the_same_answers_one_by_one(ask, sandbox):
    keys = [*TRACKS, *unknown_ids(55 - len(TRACKS)), MALFORMED_SPOTIFY_ID, DEAD]
    together = answers(ask(keys))
    sandbox.world.spotify_may_batch = False
    before = len(sandbox.log)

    alone = answers(ask(keys))

    assert alone == together
    assert len(together) == 57
    log = sandbox.log[before:]
    assert [r.status for r in log if "ids" in r.query] == [403], "the refusal is remembered"
    assert sorted(r.path.rpartition("/")[2] for r in log if "ids" not in r.query) == sorted(
        key for key in keys if key != MALFORMED_SPOTIFY_ID
    )


def test_one_batch_is_refused_in_a_run_of_several_chunks(ask, sandbox):
    sandbox.world.spotify_may_batch = False

    for start in range(0, 12, 4):
        assert set(outcomes(ask(TRACKS[start : start + 4])).values()) == {"found"}

    assert len(batches(sandbox)) == 1
    assert sorted(singles(sandbox)) == TRACKS[:12]


def test_a_dead_id_asked_alone_is_not_found(ask, sandbox):
    sandbox.world.spotify_may_batch = False

    (lookup,) = ask([DEAD])

    assert (lookup.outcome, lookup.http_status, lookup.payload) == ("not_found", 404, None)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (400, {"error": {"status": 400, "message": "Invalid base62 id"}}, "invalid"),
        (400, {"error": {"status": 400, "message": "Bad market"}}, "error"),
        (500, "oops", "error"),
        (200, "", "error"),
        (200, {"name": "no id"}, "error"),
    ],
)
def test_what_a_single_id_is_answered(ask, sandbox, status, body, outcome):
    sandbox.world.spotify_may_batch = False
    sandbox.faults.add("spotify", "status", path=f"tracks/{ASTLEY}", status=status, body=body, times=None)

    assert outcomes(ask([ASTLEY, INDILA])) == {ASTLEY: outcome, INDILA: "found"}


def test_an_app_that_is_refused_single_ids_as_well_is_blocked(ask, sandbox):
    sandbox.faults.add("spotify", "status", status=403, body={"error": {"message": "Forbidden"}}, times=None)

    with pytest.raises(StageEndedError) as caught:
        ask([ASTLEY])

    assert caught.value.ended == "blocked"


@pytest.mark.parametrize("may_batch", [True, False])
def test_an_app_without_premium_needs_credentials(ask, sandbox, may_batch):
    sandbox.world.spotify_may_batch = may_batch
    sandbox.world.spotify_has_premium = False

    with pytest.raises(StageEndedError, match="Premium") as caught:
        ask([ASTLEY, INDILA])

    assert caught.value.ended == "needs_credentials"
    assert len(sandbox.requests("spotify")) == 1


@pytest.mark.parametrize("may_batch", [True, False])
def test_an_expired_token_is_replaced_once_and_nothing_is_lost(app, ask, sandbox, may_batch):
    sandbox.world.spotify_may_batch = may_batch
    expected = answers(ask([*TRACKS[:8], DEAD]))
    sandbox.world.expire_tokens()

    again = answers(ask([*TRACKS[:8], DEAD]))

    assert again == expected
    assert sandbox.world.tokens_issued == 2, "four requests at once share the new one"


def test_one_token_is_enough_for_a_run(ask, sandbox):
    ask(TRACKS[:2])
    ask(TRACKS[2:4])

    assert sandbox.world.tokens_issued == 1


def test_a_token_refused_twice_needs_credentials(ask, sandbox):
    sandbox.faults.add("spotify", "status", status=401, body={"error": {"message": "Invalid token"}}, times=None)

    with pytest.raises(StageEndedError, match="HTTP 401") as caught:
        ask([ASTLEY])

    assert caught.value.ended == "needs_credentials"
    assert (sandbox.world.tokens_issued, len(sandbox.requests("spotify"))) == (2, 2)


def test_a_wrong_client_secret_needs_credentials_and_is_not_shown(database, sandbox, data_dir):
    settings = make_settings(data_dir, sandbox, spotify_client_secret="canary-wrong-secret")

    with Client(settings, database, SPOTIFY) as client, pytest.raises(StageEndedError) as caught:
        list(unwrapped(SpotifyApp(client, settings), [ASTLEY]))

    assert caught.value.ended == "needs_credentials"
    assert "SPOTIFY_CLIENT_SECRET" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert [r.status for r in sandbox.log] == [400]


def test_without_credentials_nobody_is_asked(database, sandbox, data_dir):
    settings = make_settings(data_dir, sandbox, spotify_client_id=None)

    with Client(settings, database, SPOTIFY) as client, pytest.raises(StageEndedError) as caught:
        list(unwrapped(SpotifyApp(client, settings), [ASTLEY]))

    assert caught.value.ended == "needs_credentials"
    assert sandbox.log == []


@pytest.mark.parametrize("body", [{}, [], {"access_token": 5}, "<html>"])
def test_an_answer_without_a_token_is_no_wrong_credentials(ask, sandbox, body):
    sandbox.faults.add("spotify-accounts", "json", body=body)

    with pytest.raises(StageEndedError, match="no token") as caught:
        ask([ASTLEY])

    assert caught.value.ended == "blocked"


ECHO = f"bad request: Bearer sandbox-token-1, Bearer sandbox-token-2, {CLIENT_SECRET}"


def test_secrets_that_spotify_echoes_reach_no_row(client, ask, sandbox):
    sandbox.faults.add("spotify", "status", status=500, body=ECHO, times=None)

    rows = [lookup.as_row("run", client.secrets) for lookup in ask([ASTLEY])]

    assert [row["error"] for row in rows] == ["HTTP 500: bad request: Bearer ***, Bearer sandbox-token-2, ***"]


@pytest.mark.parametrize(
    ("service", "status"), [("spotify", 401), ("spotify", 403), ("spotify-accounts", 503), ("spotify-accounts", 200)]
)
def test_secrets_that_spotify_echoes_are_not_shown_when_the_stage_ends(ask, sandbox, service, status):
    sandbox.faults.add(service, "status", status=status, body=ECHO, times=None)

    with pytest.raises(StageEndedError) as caught:
        ask([ASTLEY])

    assert CLIENT_SECRET not in str(caught.value)
    assert status == 200 or "HTTP" in str(caught.value)
    issued = range(1, sandbox.world.tokens_issued + 1)
    assert not any(f"sandbox-token-{n}" in str(caught.value) for n in issued)
