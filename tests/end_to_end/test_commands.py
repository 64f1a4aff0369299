"""The commands as people type them: real processes, real Postgres, real dbt, the sandbox over HTTP."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from tenacity import Retrying, stop_after_delay, wait_fixed

from pipelines.database import Database
from sandbox.server import Sandbox

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PAYLOADS = ROOT.parent / "shared" / "payloads" / "tiktok"


@pytest.fixture
def cascade(environment: dict[str, str], database: Database):
    """Run `cascade ...` from another directory than the repository's; the database is empty."""

    def run(*arguments: str, expect: int = 0, **overrides: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [BIN / "cascade", *arguments],
            env={**environment, **overrides},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def test_one_command_scrapes_enriches_and_shows_the_cascade(cascade, database, tmp_path):
    shown = cascade("scrape", "@IdaZeile", PREFECT_HOME=str(tmp_path / "prefect"))
    assert not (tmp_path / "prefect").exists(), "without a server configured none is started"

    assert "24 videos read, 24 of them new" in shown.stdout
    assert "Spotify Tracks" in shown.stdout
    assert max(len(line) for line in shown.stdout.splitlines()) <= 80

    status = json.loads(cascade("status", "--handle", "idazeile", "--json").stdout)
    assert status["handle"] == "idazeile"
    counts = ("total", "enriched", "due", "waiting", "unmatched", "invalid")
    stage = status["cascade"][0]
    assert stage["stage"] == "Spotify Tracks"
    assert [stage[name] for name in counts] == [18, 17, 0, 0, 1, 0]
    assert stage["pct"] == 94.4

    queue = json.loads(cascade("queue", "--json").stdout)
    assert queue["queue"]["Spotify Tracks"]["count"] == 0
    assert queue["summary"] == {"total_pending": 0}

    stats = json.loads(cascade("stats", "idazeile", "--json").stdout)
    assert (stats["handle"], stats["stats"]["scraped_video_count"], len(stats["growth"])) == ("idazeile", 24, 1)

    tracks = json.loads(cascade("top-tracks", "--limit", "3", "--json").stdout)["tracks"]
    assert len(tracks) == 3
    assert tracks[0]["total_views"] >= tracks[1]["total_views"] >= tracks[2]["total_views"]
    for command in (["status"], ["queue"], ["stats", "idazeile"], ["top-tracks"], ["doctor"]):
        lines = cascade(*command).stdout.splitlines()
        assert max(map(len, lines)) <= 80


def test_the_queries_that_people_know_run_as_they_stand(cascade, database):
    cascade("scrape", "gioscottii", "--no-enrich", "--json")
    queries = {
        "unknown": "SELECT DISTINCT v.spotify_track_id FROM tiktok_scraped_videos v LEFT JOIN spotify_tracks s "
        "ON v.spotify_track_id = s.spotify_track_id "
        "WHERE v.spotify_track_id IS NOT NULL AND s.spotify_track_id IS NULL",
        "popular": "SELECT spotify_track_id, COUNT(*) as video_count, SUM(play_count) as total_views "
        "FROM tiktok_scraped_videos WHERE copyright_status = 'copyrighted' GROUP BY spotify_track_id "
        "ORDER BY total_views DESC LIMIT 20",
    }
    with psycopg.connect(database.url) as connection:
        assert connection.execute("show search_path").fetchone() == ("marts, catalog",)
        assert len(connection.execute(queries["unknown"]).fetchall()) == 32
        assert len(connection.execute(queries["popular"]).fetchall()) == 20
    cascade("enrich", "spotify-tracks")
    with psycopg.connect(database.url) as connection:
        assert len(connection.execute(queries["unknown"]).fetchall()) == 3


@pytest.mark.parametrize(
    ("handle", "code", "words"),
    [
        ("private.keys", 6, "is private"),
        ("gone.tomorrow", 5, "banned or deleted"),
        ("nobody.at.all", 5, "no TikTok account"),
        ("blocked.page", 4, "page without data"),
        ("empty.answers", 4, "empty answer"),
        ("halfway", 3, "HTTP 403"),
    ],
)
def test_each_ending_has_its_sentence_and_exit_code(cascade, handle, code, words):
    assert words in cascade("scrape", handle, "--no-enrich", expect=code).stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["scrape"], "Say whom to scrape"),
        (["scrape", "no spaces please"], "no TikTok handle"),
        (["scrape", "idazeile", "--limit", "0"], "1<=x<=1000000"),
        (["scrape", "idazeile", "--limit", "-3"], "1<=x<=1000000"),
        (["scrape", "idazeile", "--limit", "99999999"], "1<=x<=1000000"),
        (["scrape", "--from-file", "/nowhere.json"], "no /nowhere.json"),
        (["enrich", "everything"], "spotify-tracks"),
    ],
)
def test_wrong_use_gets_one_clear_answer(cascade, sandbox, arguments, words):
    done = cascade(*arguments, expect=2)

    assert words in " ".join(done.stderr.split())
    assert sandbox.log == []


def test_a_wrong_setting_is_named_and_its_value_is_not_shown(cascade):
    done = cascade("status", expect=2, DATABASE_URL="mysql://u:hunter22@h/d")

    assert "DATABASE_URL" in done.stderr
    assert "hunter22" not in done.stderr


def test_an_unreachable_database_is_one_sentence_without_its_password(cascade):
    done = cascade("scrape", "idazeile", expect=1, DATABASE_URL="postgresql://u:hunter22@127.0.0.1:1/d")

    assert "Can't use the Postgres that DATABASE_URL names" in done.stderr
    assert "hunter22" not in done.stdout + done.stderr


def test_doctor_says_what_is_missing_and_shows_no_secret(cascade, sandbox):
    healthy = cascade("doctor")
    assert "knows the app" in " ".join(healthy.stdout.split())
    assert sandbox.environment["SPOTIFY_CLIENT_SECRET"] not in healthy.stdout

    poor = cascade("doctor", SPOTIFY_CLIENT_ID="", SPOTIFY_CLIENT_SECRET="")
    assert "SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET not set" in " ".join(poor.stdout.split())

    wrong = cascade("doctor", expect=3, SPOTIFY_CLIENT_SECRET="canary-wrong")
    assert "does not know" in " ".join(wrong.stdout.split())
    assert "canary-wrong" not in wrong.stdout

    alone = cascade("doctor", expect=3, TIKTOK_URL="http://127.0.0.1:1")
    assert "does not answer" in " ".join(alone.stdout.split())


def test_files_load_and_wrong_ones_get_a_line_each(cascade, database, tmp_path):
    item = {"id": "7500000000000000001", "author": {"uniqueId": "filer"}, "stats": {"playCount": 5}, "music": {}}
    (tmp_path / "good.json").write_text(json.dumps({"itemList": [item]}))
    (tmp_path / "lines.jsonl").write_text("\n".join(json.dumps({**item, "id": str(7 * 10**18 + n)}) for n in range(3)))
    (tmp_path / "broken.json").write_text('{"itemList": [')
    (tmp_path / "empty.json").write_text("")

    done = cascade("scrape", "--from-file", str(tmp_path), "--no-enrich", expect=3)

    problems = [line for line in done.stderr.splitlines() if line]
    assert len(problems) == 2
    assert "broken.json" in problems[0]
    assert "empty.json" in problems[1]
    assert "4 videos and 0 profiles loaded" in done.stdout
    assert database.rows("select scraped_video_count from marts.creator_stats") == [{"scraped_video_count": 4}]


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason="the recorded payloads are not here")
def test_recorded_answers_of_tiktok_load_whole(cascade, database):
    done = cascade("scrape", "--from-file", str(PAYLOADS), "--no-enrich", expect=3)

    search = next(PAYLOADS.glob("web_search_*.json"))
    ids = [entry["item"]["id"] for entry in json.loads(search.read_text())["data"] if "item" in entry]
    linked = database.rows(
        "select count(*) as videos, count(spotify_track_id) as linked from catalog.tiktok_scraped_videos"
        " where video_id = any(%(ids)s)",
        {"ids": ids},
    )
    assert linked == [{"videos": 11, "linked": 5}]
    assert database.rows("select count(*) as n from raw.quarantine") == [{"n": 0}]
    assert len(done.stderr.strip().splitlines()) == 3, "the three pages that name no creator"
    due = database.rows("select due from marts.cascade_status where tiktok_handle = '*' and stage_number = 1")
    assert due == [{"due": 5}]


def test_with_a_prefect_server_a_command_is_a_flow_run(cascade, sandbox: Sandbox, database, tmp_path):
    """A real server, started for this test; its API is asked what it saw."""
    home = {"PREFECT_HOME": str(tmp_path), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    with prefect_server(home) as api:
        cascade("scrape", "idazeile", "--no-enrich", PREFECT_API_URL=api, **home)
        cascade("scrape", "blocked.page", expect=4, PREFECT_API_URL=api, **home)
        cascade("enrich", "--limit", "5", PREFECT_API_URL=api, **home)
        runs = httpx.post(f"{api}/flow_runs/filter", json={"sort": "START_TIME_ASC"}).json()

    assert [(run["name"], run["state_name"]) for run in runs] == [
        ("scrape idazeile", "Completed"),
        ("scrape blocked.page", "Blocked"),
        ("enrich all", "Completed"),
    ]
    assert sandbox.environment["SPOTIFY_CLIENT_SECRET"] not in json.dumps(runs)
    assert database.rows("select count(*) as n from catalog.tiktok_scraped_videos") == [{"n": 24}]


@contextmanager
def prefect_server(home: dict[str, str]) -> Iterator[str]:
    """A real Prefect server on a free port, its data under PREFECT_HOME; yields the address of its API."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    command = [BIN / "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-services"]
    server = subprocess.Popen(command, env={**os.environ, **home}, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        for attempt in Retrying(stop=stop_after_delay(90), wait=wait_fixed(0.3), reraise=True):
            with attempt:
                httpx.get(f"{api}/health").raise_for_status()
        yield api
    finally:
        server.terminate()
        server.wait()
