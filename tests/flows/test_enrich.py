"""Enrichment against the sandbox: every key gets an answer once, and whatever a service does ends in a named state."""

from datetime import UTC, datetime, timedelta

import pytest
from conftest import make_settings

from flows.enrich import enrich
from flows.scrape import scrape_creator
from flows.transform import Transform
from pipelines.database import Database
from pipelines.load import StageRun, load
from pipelines.lookup import Lookup
from pipelines.settings import Settings
from sandbox.world import DEAD_SPOTIFY_IDS, MALFORMED_SPOTIFY_ID, base62


@pytest.fixture
def scraped(settings: Settings, database: Database, transform: Transform) -> None:
    """Two creators, 44 keys: 41 that Spotify knows, 2 that it does not, 1 that is no id."""
    for handle in ("gioscottii", "idazeile"):
        scrape_creator(settings, database, transform, handle)


@pytest.fixture
def run(settings: Settings, database: Database, transform: Transform):
    def run(settings: Settings = settings, **options: object) -> StageRun:
        return enrich(settings, database, transform, **options)[0]

    return run


def states(database: Database, stage: str = "Spotify Tracks", handle: str = "*") -> dict[str, int]:
    return database.rows(
        "select total, enriched, due, waiting, unmatched, invalid from marts.cascade_status"
        " where tiktok_handle = %(handle)s and stage = %(stage)s",
        {"handle": handle, "stage": stage},
    )[0]


DONE = {"total": 44, "enriched": 41, "due": 0, "waiting": 0, "unmatched": 2, "invalid": 1}


def test_every_key_gets_its_answer_in_one_request_of_fifty(scraped, run, database, sandbox):
    assert states(database) == {**DONE, "enriched": 0, "unmatched": 0, "invalid": 0, "due": 44}

    result = run()

    assert (result.ended, result.asked, result.found, result.not_found, result.invalid) == ("done", 44, 41, 2, 1)
    assert states(database) == DONE
    assert len(sandbox.requests("spotify", "/v1/tracks")) == 1
    dead = database.rows("select key from queues.spotify_track_states where state = 'unmatched' order by key")
    assert [row["key"] for row in dead] == sorted(DEAD_SPOTIFY_IDS)
    assert MALFORMED_SPOTIFY_ID not in str([request.query for request in sandbox.requests("spotify")])


def test_a_second_run_over_an_unchanged_world_asks_spotify_nothing(scraped, run, database, sandbox):
    run()
    before = len(sandbox.requests("spotify")) + len(sandbox.requests("spotify-accounts"))

    assert run().asked == 0
    assert len(sandbox.requests("spotify")) + len(sandbox.requests("spotify-accounts")) == before
    assert states(database) == DONE


def test_the_artists_of_new_tracks_are_asked_in_the_same_run(scraped, run, settings, database, transform, sandbox):
    tracks, artists = enrich(settings, database, transform)

    credited = {
        artist
        for track in database.rows("select artist_ids from catalog.spotify_tracks")
        for artist in track["artist_ids"]
    }
    assert (tracks.asked, artists.asked) == (44, len(credited))
    assert states(database, "Spotify Artists") == {
        "total": len(credited), "enriched": len(credited) - 1, "due": 0, "waiting": 0, "unmatched": 1, "invalid": 0,
    }  # fmt: skip
    assert database.rows("select key from queues.spotify_artist_states where state = 'unmatched'") == [
        {"key": "4VIvfOurcf0vuLRxLkGnIG"}
    ]
    rows = {row["name"]: row for row in database.rows("select * from catalog.spotify_artists")}
    assert rows["Nirvana"]["genres"] == ["grunge", "rock"]
    assert rows["Nirvana"]["followers"] == sandbox.world.artists[rows["Nirvana"]["spotify_artist_id"]].followers
    by_creator = database.rows(
        "select * from marts.cascade_status where tiktok_handle = 'idazeile' and stage_number = 2"
    )
    assert 0 < by_creator[0]["total"] < len(credited)


def test_what_an_app_in_development_mode_is_not_shown_is_null(scraped, settings, database, transform, sandbox):
    sandbox.world.spotify_may_batch = False

    enrich(settings, database, transform)

    shown = database.rows("select distinct genres, popularity, followers from catalog.spotify_artists")
    assert shown == [{"genres": [], "popularity": None, "followers": None}]


def test_typed_tracks_hold_what_spotify_said(scraped, run, database):
    run()

    tracks = {row["title"]: row for row in database.rows("select * from catalog.spotify_tracks")}
    assert tracks["Beggin'"]["isrc"] == "ITB001700846"
    assert tracks["Beggin'"]["artists"] == ["Måneskin"]
    assert all(t["isrc"] is None or (t["isrc"].isupper() and "-" not in t["isrc"]) for t in tracks.values())
    assert {t["release_date_precision"] for t in tracks.values()} >= {"day", "year"}
    links = database.rows(
        "select l.position, t.artist_ids[l.position] = l.spotify_artist_id as agrees"
        " from catalog.spotify_track_artists l join catalog.spotify_tracks t using (spotify_track_id)"
    )
    assert len(links) >= len(tracks)
    assert all(link["agrees"] for link in links)


def test_the_same_tables_whether_or_not_the_app_may_batch(scraped, run, database, sandbox):
    sandbox.world.spotify_may_batch = False

    run()

    assert states(database) == DONE
    refused = [r for r in sandbox.requests("spotify") if "ids" in r.query]
    assert len(refused) == 1, "one try a run, then single ids"


def test_limit_is_exact(scraped, run, database):
    result = run(limits={"spotify-tracks": 7})

    assert (result.ended, result.asked) == ("limit", 7)
    assert states(database)["due"] == 44 - 7


def test_the_most_viewed_keys_are_asked_first(scraped, run, database):
    first = database.rows("select key from queues.queue_spotify_tracks order by priority desc, key limit 7")

    run(limits={"spotify-tracks": 7})

    asked = database.rows("select key from raw.spotify_tracks")
    assert {row["key"] for row in asked} == {row["key"] for row in first}


def test_without_credentials_the_stage_is_skipped_and_says_so(scraped, run, database, data_dir, sandbox):
    poor = make_settings(data_dir, sandbox, spotify_client_secret=None)

    result = run(poor)

    assert (result.ended, result.asked, result.requests) == ("needs_credentials", 0, 0)
    assert "SPOTIFY_CLIENT_SECRET" in result.reason
    queue = database.rows("select pending, last_run_ended from marts.enrichment_queue where stage_number = 1")[0]
    assert (queue["pending"], queue["last_run_ended"]) == (44, "needs_credentials")


def test_without_premium_the_stage_stops_and_every_key_stays_due(scraped, run, database, sandbox):
    sandbox.world.spotify_has_premium = False

    result = run()

    assert result.ended == "needs_credentials"
    assert "Premium" in result.reason
    assert len(sandbox.requests("spotify")) == 1
    assert states(database)["due"] == 44 - 1, "only the malformed id has its answer"


def test_a_long_retry_after_ends_the_stage_until_then(scraped, run, database, sandbox):
    sandbox.faults.add("spotify", "status", status=429, headers={"Retry-After": "86400"})

    result = run()

    assert result.ended == "retry_later"
    assert result.resume_at - datetime.now(UTC) > timedelta(hours=23)
    before = len(sandbox.requests("spotify"))
    assert run().ended == "retry_later"
    assert len(sandbox.requests("spotify")) == before
    shown = database.rows("select resume_at from marts.enrichment_queue where stage_number = 1")[0]["resume_at"]
    assert abs(shown - result.resume_at) < timedelta(seconds=5)


def test_a_short_retry_after_is_waited_for(scraped, run, database, sandbox):
    sandbox.faults.add("spotify", "status", status=429, headers={"Retry-After": "0"})

    assert run().ended == "done"
    assert states(database) == DONE


def linked_videos(keys: list[str]) -> list[Lookup]:
    """Videos that link to `keys`, the first of them the most viewed."""
    return [
        Lookup(
            "tiktok_videos",
            str(7_000_000_000_000_000_000 + n),
            "found",
            {
                "author": {"uniqueId": "queue"},
                "stats": {"playCount": 1000 - n},
                "music": {"tt2dsp": {"tt_to_dsp_song_infos": [{"platform": 3, "song_id": key}]}},
            },
        )
        for n, key in enumerate(keys)
    ]


def test_dead_keys_do_not_hold_up_live_ones(run, database, sandbox):
    """60 keys that only ever fail stand before 40 live ones; what is asked with a dead one gets its answer as well."""
    dead, live = [base62(f"dead {n}") for n in range(60)], list(sandbox.world.tracks)[:40]
    load(database, linked_videos(dead + live), run_id="videos")
    sandbox.faults.add("spotify", "status", path="|".join(dead), status=500, times=None)

    result = run()

    assert (result.ended, result.found, result.errors) == ("done", 40, 60)
    assert states(database)["waiting"] == 60


def test_a_service_that_only_fails_ends_the_stage(run, database, sandbox):
    load(database, linked_videos([base62(f"key {n}") for n in range(250)]), run_id="videos")
    sandbox.faults.add("spotify", "status", path="/v1/", status=500, times=None)

    result = run()

    assert result.ended == "failed"
    assert "HTTP 500" in result.reason
    assert result.errors == 100
    assert states(database) == {"total": 250, "enriched": 0, "due": 150, "waiting": 100, "unmatched": 0, "invalid": 0}


def test_an_error_waits_and_the_others_of_its_batch_do_not(scraped, run, database, sandbox):
    broken = database.rows("select key from queues.queue_spotify_tracks order by priority desc limit 1")[0]["key"]
    sandbox.faults.add("spotify", "status", path=broken, status=500, times=None)

    result = run()

    assert (result.errors, result.found) == (1, 40)
    assert states(database) == {**DONE, "enriched": 40, "waiting": 1}


def test_a_run_of_which_every_key_failed_is_no_success(scraped, run, sandbox):
    sandbox.faults.add("spotify", "status", path="/v1/", status=503, times=None)

    result = run(limits={"spotify-tracks": 5})

    assert (result.ended, result.errors, result.found) == ("failed", 5, 0)


def test_a_service_that_is_asked_too_often_is_left_alone(scraped, run, sandbox):
    sandbox.faults.add("spotify", "status", path="/v1/", status=429, times=None)

    assert run().ended == "retry_later"
    assert len(sandbox.requests("spotify")) == 4, "four tries, and none alone"
    assert run().ended == "retry_later"
    assert len(sandbox.requests("spotify")) == 4


def test_a_pause_outlives_a_run_without_credentials(scraped, run, data_dir, sandbox):
    sandbox.faults.add("spotify", "status", status=429, headers={"Retry-After": "86400"})
    run()
    run(make_settings(data_dir, sandbox, spotify_client_id=None))
    before = len(sandbox.requests("spotify"))

    assert run().ended == "retry_later"
    assert len(sandbox.requests("spotify")) == before


def test_a_key_whose_answer_postgres_refuses_waits_and_is_not_asked_on_and_on(run, database, sandbox):
    key = next(iter(sandbox.world.tracks))
    load(database, linked_videos([key]), run_id="videos")
    with database.connect() as connection:
        connection.execute("alter table raw.spotify_tracks add constraint odd check (not payload ? 'album')")
        try:
            run()
        finally:
            connection.execute("alter table raw.spotify_tracks drop constraint odd")

    assert database.rows("select count(*) as n from raw.quarantine") == [{"n": 1}]
    assert states(database)["waiting"] == 1
    assert len(sandbox.requests("spotify")) == 1


def test_a_token_that_spotify_echoes_reaches_no_row(scraped, run, database, sandbox):
    key = next(iter(sandbox.world.tracks))
    body = {"tracks": [{"id": key, "name": "sandbox-token-1 sandbox-secret-canary"}]}
    sandbox.faults.add("spotify", "json", path="ids=", body=body)

    run()

    stored = database.rows(
        "select payload ->> 'name' as name from raw.spotify_tracks where key = %(key)s", {"key": key}
    )
    assert stored[0] == {"name": "*** ***"}


def test_an_interrupted_run_is_recorded_as_such(scraped, settings, database, transform, monkeypatch):
    rounds = iter([None])

    def interrupted_after_the_first():
        if next(rounds, "over") == "over":
            raise KeyboardInterrupt

    monkeypatch.setattr(transform, "round", interrupted_after_the_first)

    with pytest.raises(KeyboardInterrupt):
        enrich(settings, database, transform)

    ended = database.rows("select ended, found from raw.stage_runs where stage = 'spotify-tracks'")
    assert ended == [{"ended": "interrupted", "found": 41}]


def test_a_second_process_finds_the_lane_taken_and_asks_nothing(scraped, run, database, sandbox):
    with database.lock("the spotify lane"):
        result = run()

    assert (result.ended, result.asked) == ("already_running", 0)
    assert sandbox.requests("spotify") == []


def test_a_video_of_a_known_track_needs_no_request(scraped, run, settings, database, transform, sandbox):
    run()
    video = next(v for v in sandbox.world.creators["idazeile"].videos if v.sound and v.sound.spotify_id)
    sandbox.world.post("idazeile", video.sound)
    before = len(sandbox.requests("spotify"))

    scrape_creator(settings, database, transform, "idazeile")

    assert run().asked == 0
    assert len(sandbox.requests("spotify")) == before
    assert states(database) == DONE


def test_an_answer_that_no_model_has_read_is_not_asked_for_again(scraped, database, settings):
    """Between a load and its transform a crash may come; the queue knows the answer all the same."""
    key = database.rows("select key from queues.queue_spotify_tracks order by priority desc limit 1")[0]["key"]
    load(database, [Lookup("spotify_tracks", key, "not_found")], run_id="crashed")

    queued = database.rows("select key from queues.queue_spotify_tracks")

    assert key not in {row["key"] for row in queued}
    assert len(queued) == 43
