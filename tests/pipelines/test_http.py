"""The client: what passes by itself is tried again, what does not is handed back, and nobody is asked too fast."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from conftest import make_settings

from pipelines import http
from pipelines.database import PaceSlot
from pipelines.http import Client, StageEndedError
from pipelines.stages import TIKTOK

PATH = "/@idazeile"


@pytest.fixture
def client(settings, database) -> Iterator[Client]:
    with Client(settings, database, TIKTOK) as client:
        yield client


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits, which are noted instead of slept."""
    noted: list[float] = []
    monkeypatch.setattr(time, "sleep", noted.append)
    return noted


def next_start(database) -> float:
    """Seconds until somebody may ask again, by the clock of Postgres."""
    query = "select extract(epoch from next_at - clock_timestamp())::float8 as wait from raw.pace_slots"
    return database.rows(query)[0]["wait"]


PASSING: dict[str, dict[str, Any]] = {
    "429": {"kind": "status", "status": 429},
    "500": {"kind": "status", "status": 500},
    "502": {"kind": "status", "status": 502},
    "503": {"kind": "status", "status": 503},
    "504": {"kind": "status", "status": 504},
    "drop": {"kind": "drop"},
    "truncated": {"kind": "truncated"},
    "undecodable": {"kind": "status", "status": 200, "headers": {"content-encoding": "gzip"}, "body": "no gzip"},
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_by_itself_is_tried_again_three_times(client, sandbox, name):
    sandbox.faults.add("tiktok", times=3, **PASSING[name])

    answer = client.ask(PATH)

    assert (answer.status, answer.error) == (200, None)
    assert "idazeile" in answer.text
    assert len(sandbox.log) == client.requests == 4


@pytest.mark.parametrize("name", [name for name in PASSING if name != "429"])
def test_after_four_attempts_the_answer_says_why_and_nothing_is_raised(client, sandbox, name):
    sandbox.faults.add("tiktok", times=None, **PASSING[name])

    answer = client.ask(PATH)

    assert answer.status == (int(name) if name.isdigit() else None)
    assert answer.describe().startswith(f"HTTP {name}" if name.isdigit() else "")
    assert answer.error is None if name.isdigit() else answer.error
    assert answer.requested_at <= answer.answered_at
    assert len(sandbox.log) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 501])
def test_what_does_not_pass_by_itself_is_asked_once(client, sandbox, status):
    sandbox.faults.add("tiktok", "status", status=status, body="  no\n such  thing ", times=None)

    answer = client.ask(PATH)

    assert (answer.status, answer.describe()) == (status, f"HTTP {status}: no such thing")
    assert len(sandbox.log) == 1


def test_nobody_listening_is_an_answer_with_an_error(database, sandbox, data_dir):
    settings = make_settings(data_dir, sandbox, tiktok_url="http://127.0.0.1:1")

    with Client(settings, database, TIKTOK) as client:
        answer = client.ask(PATH)

    assert answer.status is None
    assert "ConnectError" in answer.error
    assert client.requests == 4


def test_silence_is_a_timeout_that_is_tried_again(database, settings, sandbox, monkeypatch):
    monkeypatch.setattr(http, "_TIMEOUT_SECONDS", 0.05)
    sandbox.faults.add("tiktok", "hang", path="quietroom", times=1)
    sandbox.faults.add("tiktok", "hang", path="idazeile", times=None)

    with Client(settings, database, TIKTOK) as client:
        once, always = client.ask("/@quietroom"), client.ask("/@idazeile")

    assert once.status == 200
    assert (always.status, "ReadTimeout" in always.error) == (None, True)
    assert len(sandbox.log) == 2 + 4


def test_waits_between_attempts_double(database, sandbox, data_dir, sleeps):
    sandbox.faults.add("tiktok", "status", times=None)
    settings = make_settings(data_dir, sandbox, retry_seconds=10, sandbox_speed=1_000_000)

    with Client(settings, database, TIKTOK) as client:
        client.ask(PATH)

    backoffs = [s for s in sleeps if s > 1]
    assert len(backoffs) == 3
    assert all(0.75 * 10 * 2**n <= s <= 1.25 * 10 * 2**n for n, s in enumerate(backoffs))


def seconds_or_date(seconds: int, form: str) -> dict[str, str]:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    return {"retry-after": str(seconds) if form == "seconds" else date}


@pytest.mark.parametrize("form", ["seconds", "date"])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_waited_for(client, sandbox, sleeps, form, status):
    sandbox.faults.add("tiktok", "status", status=status, headers=seconds_or_date(45, form))

    assert client.ask(PATH).status == 200

    # a date has no fractions of a second
    assert [s for s in sleeps if s > 1] == [pytest.approx(44, abs=1.5)]


def test_retry_after_holds_everybody_back_and_not_only_this_client(client, database, sandbox, sleeps):
    slot = PaceSlot(database, "tiktok", per_second=200)
    sandbox.faults.add("tiktok", "status", times=None, status=503, headers={"retry-after": "50"})

    answer = client.ask(PATH)

    assert answer.status == 503
    assert 40 < next_start(database) < 51
    assert 40 < slot.take() < 51
    slot.close()


def test_retry_after_zero_is_no_pause(client, database, sandbox, sleeps):
    sandbox.faults.add("tiktok", "status", status=429, headers={"retry-after": "0"})

    assert client.ask(PATH).status == 200
    assert max(sleeps) < 1
    assert next_start(database) < 1


@pytest.mark.parametrize("nonsense", ["", "soon", "-5", "1.5", "Wed, 99 Foo 2026 00:00:00 GMT"])
def test_a_retry_after_that_says_nothing_is_passed_over(client, sandbox, sleeps, nonsense):
    sandbox.faults.add("tiktok", "status", status=503, headers={"retry-after": nonsense})

    assert client.ask(PATH).status == 200
    assert max(sleeps) < 1


@pytest.mark.parametrize("form", ["seconds", "date"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_of_a_day_ends_the_stage_until_then(client, database, sandbox, form, status):
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    sandbox.faults.add("tiktok", "status", status=status, headers=seconds_or_date(86400, form), times=None)

    with pytest.raises(StageEndedError, match=f"HTTP {status}") as caught:
        client.ask(PATH)

    assert caught.value.ended == "retry_later"
    assert abs(caught.value.resume_at - tomorrow) < timedelta(seconds=30)
    assert len(sandbox.log) == 1
    assert next_start(database) > 23 * 3600, "nobody asks before then, after a restart neither"
    with pytest.raises(StageEndedError):
        client.ask(PATH)
    assert len(sandbox.log) == 1


def test_an_hour_in_a_successful_answer_is_no_pause(client, sandbox):
    sandbox.faults.add("tiktok", "status", status=200, headers={"retry-after": "3600"}, body="fine")

    assert client.ask(PATH).text == "fine"


@pytest.mark.parametrize("absurd", ["1760940141000", "9" * 30])
def test_an_absurd_pause_ends_the_stage_as_a_long_one_does(client, sandbox, absurd):
    sandbox.faults.add("tiktok", "status", status=429, headers={"retry-after": absurd}, times=None)

    with pytest.raises(StageEndedError):
        client.ask(PATH)


def test_every_retry_and_every_redirect_takes_its_turn(client, sandbox, monkeypatch):
    turns: list[float] = []
    take = PaceSlot.take
    monkeypatch.setattr(PaceSlot, "take", lambda slot: turns.append(take(slot)) or turns[-1])
    sandbox.faults.add("tiktok", "status", status=302, headers={"location": "/tiktok/@quietroom"}, path=PATH, times=2)
    sandbox.faults.add("tiktok", "drop", path="quietroom")
    sandbox.faults.add("tiktok", "status", path=PATH)

    answer = client.ask(PATH)

    # redirected and dropped, redirected and answered
    assert answer.url.endswith("/@quietroom")
    assert [r.path for r in sandbox.log] == [PATH, "/@quietroom", PATH, "/@quietroom"]
    assert client.ask(PATH).status == 200
    assert len(turns) == len(sandbox.log) == client.requests == 6


def test_a_redirect_in_a_circle_is_an_answer_with_an_error(client, sandbox):
    sandbox.faults.add("tiktok", "status", status=302, headers={"location": f"/tiktok{PATH}"}, times=None)

    answer = client.ask(PATH)

    assert (answer.status, "TooManyRedirects" in answer.error) == (None, True)


@pytest.fixture
def echo() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that notes the headers it gets, which the sandbox does not: (its address, the headers)."""
    seen: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.send_header("content-type", "application/json; charset=latin-1")
            self.end_headers()
            self.wfile.write('{"title": "夜に駆ける"}'.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_user_agent_is_honest_and_says_how_to_reach_us(database, sandbox, data_dir, echo):
    url, seen = echo
    settings = make_settings(data_dir, sandbox, tiktok_url=url, musicbrainz_contact="me@example.org")

    with Client(settings, database, TIKTOK) as client:
        client.ask(PATH)

    assert seen[0]["user-agent"] == "cascade/0.1.0 (me@example.org)"
    assert not any("mozilla" in value.lower() for value in seen[0].values())


def test_a_contact_in_any_script_can_be_given(database, sandbox, data_dir, echo):
    url, seen = echo
    settings = make_settings(data_dir, sandbox, tiktok_url=url, musicbrainz_contact="Jānis <janis@example.org>")

    with Client(settings, database, TIKTOK) as client:
        client.ask(PATH)

    assert "janis@example.org" in seen[0]["user-agent"]


def test_a_wrong_charset_header_loses_no_title(database, sandbox, data_dir, echo):
    settings = make_settings(data_dir, sandbox, tiktok_url=echo[0])

    with Client(settings, database, TIKTOK) as client:
        assert client.ask(PATH).data == {"title": "夜に駆ける"}


@pytest.mark.parametrize("body", ["", "<html>", '{"a": ', "[" * 100_000])
def test_what_is_not_json_has_no_data(client, sandbox, body):
    sandbox.faults.add("tiktok", "status", status=200, body=body)

    assert client.ask(PATH).data is None


@pytest.mark.parametrize("location", ["canary-cookie://x", "http://u:canary-password@127.0.0.1:1/"])
def test_errors_hold_no_secret(database, sandbox, data_dir, location):
    settings = make_settings(data_dir, sandbox, tiktok_cookie="canary-cookie")
    sandbox.faults.add("tiktok", "status", status=302, headers={"location": location}, times=None)

    with Client(settings, database, TIKTOK) as client:
        answer = client.ask(PATH, headers={"cookie": "canary-cookie"})

    assert answer.error
    assert "canary" not in answer.error


def test_a_secret_that_a_service_echoes_is_not_shown(database, sandbox, data_dir):
    settings = make_settings(data_dir, sandbox, tiktok_cookie="canary-cookie")
    sandbox.faults.add("tiktok", "status", status=500, body="bad cookie: canary-cookie", times=None)

    with Client(settings, database, TIKTOK) as client:
        answer = client.ask(PATH)

    assert answer.describe() == "HTTP 500: bad cookie: ***"
