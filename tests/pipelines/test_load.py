"""Lookups arrive in raw whole and once; what Postgres refuses is set aside with its reason and harms nothing else."""

import copy
import json
import logging
import random
import string
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pipelines.database import Database, DatabaseError
from pipelines.http import StageEndedError
from pipelines.load import LoadReport, StageRun, load, record_stage_run
from pipelines.lookup import Lookup

TRACKS, VIDEOS = "spotify_tracks", "tiktok_videos"
AT = datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=UTC)


def lookup(key: str, payload: Any = None, table: str = TRACKS, **parts: Any) -> Lookup:
    return Lookup(table, key, parts.pop("outcome", "found"), payload, **{"answered_at": AT, **parts})


def lookups(count: int, table: str = TRACKS) -> list[Lookup]:
    return [lookup(f"{table} {n}", {"n": n}, table) for n in range(count)]


def refused_key() -> str:
    """A key that no index page takes: too long, and random enough that nothing makes it shorter."""
    return "".join(random.Random(7).choices(string.ascii_letters + string.digits, k=5_000))


def keys(database: Database, table: str = TRACKS) -> list[str]:
    return [row["key"] for row in database.rows(f"select key from raw.{table} order by key")]


def quarantine(database: Database) -> list[dict[str, Any]]:
    return database.rows("select * from raw.quarantine")


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files, of which no test leaves any behind."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


PAYLOADS = {
    "text of every script": {
        "title": "夜に駆ける 🎹‍🕺 Dernière نسم",
        "path": "C:\\new\\u0041",
        "lines": "a\nb\r\n\tc\u2028d",
    },
    "quotes": {"a": "''", 'b"': '"', "c": "\\'", "d": '"",,\n""', "''": "''"},
    "numbers": {"big": 2**70, "small": -(2**70), "float": 0.1, "tiny": 5e-324, "zero": 0},
    "nested empties": {"": "", "a": {}, "b": [], "c": [[], {}, [None, ""], {"d": {"": []}}], "e": None, "f": False},
    "wide": {f"k{n}": ["x" * 1000] for n in range(200)},
    "deep": json.loads("[" * 200 + "]" * 200),
    "list": [1, "a", None],
    "text": "plain",
    "empty text": "",
    "number": 5,
    "false": False,
    "copy's own signs": ["\\N", "\\.", "NULL", "{}", '{"a": "\\""}'],
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_arrives_equal(database, name):
    load(database, [lookup("a", PAYLOADS[name])], run_id="r")

    rows = database.rows("select payload, sanitised from raw.spotify_tracks")
    assert rows == [{"payload": PAYLOADS[name], "sanitised": False}]


def test_every_column_of_a_row_arrives(database):
    asked = lookup("7é'\",\n", {"a": 1}, http_status=200, error="HTTP 200: ''", requested_at=AT - timedelta(seconds=1))
    failed = lookup("b", outcome="error")

    report = load(database, [asked, failed], run_id="run 1")

    columns = "key, outcome, payload, http_status, error, sanitised, requested_at, answered_at, run_id"
    rows = database.rows(f"select {columns} from raw.spotify_tracks order by key")
    assert [tuple(row.values()) for row in rows] == [
        (asked.key, "found", {"a": 1}, 200, "HTTP 200: ''", False, AT - timedelta(seconds=1), AT, "run 1"),
        ("b", "error", None, None, None, False, None, AT, "run 1"),
    ]
    assert (report.count(TRACKS), report.count(TRACKS, "error"), report.quarantined) == (2, 1, 0)


def test_the_same_key_twice_is_two_rows(database):
    load(database, [lookup("a", 1), lookup("a", 1), lookup("a", 2)], run_id="r")

    assert keys(database) == ["a", "a", "a"]


def test_rows_know_the_transaction_that_wrote_them(database):
    load(database, lookups(1), run_id="r1")
    load(database, lookups(1), run_id="r2")

    first, second = database.rows("select run_id, ingest_xid::text::int8 as xid from raw.spotify_tracks order by xid")
    assert (first["run_id"], second["run_id"]) == ("r1", "r2")
    assert first["xid"] < second["xid"]


def test_broken_text_loads_cleaned_and_flagged_and_the_next_load_works(database):
    load(database, [lookup("a\x00", {"b\ud800": "c\x00"}, error="d\udfff"), lookup("z")], run_id="r")
    load(database, lookups(1), run_id="r")

    rows = database.rows("select key, payload, error, sanitised from raw.spotify_tracks order by key")
    assert [tuple(row.values()) for row in rows] == [
        ("a\ufffd", {"b\ufffd": "c\ufffd"}, "d\ufffd", True),
        ("spotify_tracks 0", {"n": 0}, None, False),
        ("z", None, None, False),
    ]
    assert quarantine(database) == []


def test_secrets_reach_no_row(database):
    load(
        database,
        [lookup("a", {"x": "my canary-1"}, error="canary-2")],
        run_id="r",
        secrets=["canary-1", "canary-2"],
    )

    assert database.rows("select payload, error, sanitised from raw.spotify_tracks") == [
        {"payload": {"x": "my ***"}, "error": "***", "sanitised": True}
    ]


@pytest.mark.parametrize("place", [0, 31, 64])
def test_a_refused_row_is_set_aside_with_its_reason_and_all_others_load_once(database, caplog, place):
    rows = lookups(64)
    rows.insert(place, lookup(refused_key(), {"title": "夜\x00"}))

    with caplog.at_level(logging.WARNING):
        report = load(database, rows, run_id="r")

    assert keys(database) == sorted(f"{TRACKS} {n}" for n in range(64))
    (aside,) = quarantine(database)
    assert (aside["raw_table"], aside["run_id"]) == (TRACKS, "r")
    assert aside["reason"].startswith("54000 index row size")
    kept = json.loads(aside["raw_row"])
    assert kept["key"] == refused_key()
    assert json.loads(kept["payload"]) == {"title": "夜\ufffd"}
    assert (report.count(TRACKS), report.quarantined) == (64, 1)
    assert "raw.quarantine" in caplog.text


def test_a_number_that_postgres_cannot_hold_is_set_aside(database):
    most = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        load(database, [*lookups(64), lookup("huge", {"n": 10**140_000})], run_id="r")
    finally:
        sys.set_int_max_str_digits(most)

    assert len(keys(database)) == len(set(keys(database))) == 65
    marked = database.rows("select outcome, payload from raw.spotify_tracks where key = 'huge'")
    assert marked == [{"outcome": "error", "payload": None}], "the key waits like any other that failed"
    (aside,) = quarantine(database)
    assert aside["reason"].startswith("22")
    assert "1" + "0" * 140_000 in aside["raw_row"]


DEEP = json.loads("[" * 900 + "]" * 900)


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(lookup("odd", outcome="unheard of"), id="outcome"),
        pytest.param(lookup("odd", DEEP), id="deep"),
        pytest.param(lookup(""), id="empty key"),
    ],
)
def test_an_odd_row_harms_no_other(database, odd):
    load(database, [*lookups(3), odd, *lookups(3, VIDEOS)], run_id="r")

    assert [key for key in keys(database) if key != odd.key] == [f"{TRACKS} {n}" for n in range(3)]
    assert keys(database, VIDEOS) == [f"{VIDEOS} {n}" for n in range(3)]
    assert keys(database).count(odd.key) + (odd.key == "") == 1


def test_two_tables_of_which_one_is_refused_load_nothing_twice(database):
    rows = [*lookups(20, VIDEOS), *lookups(20), lookup(refused_key(), table=TRACKS), *lookups(20, "tiktok_profiles")]

    report = load(database, rows, run_id="r")

    for table in (VIDEOS, TRACKS, "tiktok_profiles"):
        assert keys(database, table) == sorted(f"{table} {n}" for n in range(20))
    assert [row["raw_table"] for row in quarantine(database)] == [TRACKS]
    assert (report.count(TRACKS), report.quarantined) == (20, 1)


def test_the_report_counts_every_row_that_was_loaded_beside_a_refused_one(database):
    report = load(database, [*lookups(20, VIDEOS), *lookups(20), lookup(refused_key())], run_id="r")

    assert len(keys(database, VIDEOS)) == 20
    assert report.count(VIDEOS) == 20


def test_two_tables_of_which_both_are_refused_lose_nothing_else(database):
    rows = [*lookups(5, VIDEOS), lookup(refused_key(), table=VIDEOS), *lookups(5), lookup(refused_key())]

    report = load(database, rows, run_id="r")

    assert (len(keys(database)), len(keys(database, VIDEOS))) == (5, 5)
    assert sorted(row["raw_table"] for row in quarantine(database)) == [TRACKS, VIDEOS]
    assert report.quarantined == 2


def test_a_chunk_of_nothing_but_refused_rows_is_no_failure(database):
    report = load(database, [lookup(refused_key()), lookup(refused_key())], run_id="r")

    assert (keys(database), len(quarantine(database)), report.count(TRACKS)) == ([], 2, 0)


def test_a_refused_row_harms_no_later_load(database):
    load(database, [lookup(refused_key())], run_id="r")

    load(database, lookups(3), run_id="r")

    assert len(keys(database)) == 3
    assert len(quarantine(database)) == 1


def test_what_is_set_aside_holds_no_secret(database):
    refused = lookup(f"{refused_key()} canary-secret", {"a": "canary-secret"}, error="canary-secret")

    load(database, [refused], run_id="r", secrets=["canary-secret"])

    (aside,) = quarantine(database)
    assert "***" in aside["raw_row"]
    assert "canary" not in str(aside)


@pytest.mark.parametrize("end", [StageEndedError("blocked", "no"), KeyboardInterrupt(), ValueError("bug")])
def test_what_was_fetched_before_an_exception_is_kept_and_the_exception_goes_on(database, end):
    def breaking() -> Iterator[Lookup]:
        yield from lookups(7)
        raise end

    report = LoadReport()
    with pytest.raises(type(end)) as caught:
        load(database, breaking(), run_id="r", report=report)

    assert caught.value is end
    assert len(keys(database)) == 7
    assert report.count(TRACKS) == 7


def test_what_a_dlt_source_raises_comes_out_as_itself(database, settings, sandbox):
    from pipelines.http import Client
    from pipelines.sources.spotify import SpotifyApp, spotify
    from pipelines.stages import SPOTIFY

    sandbox.faults.add("spotify", "status", path="ids=", after=1, status=429, headers={"retry-after": "9000"})
    ids = [f"{n:022d}" for n in range(80)]
    with Client(settings, database, SPOTIFY) as client, pytest.raises(StageEndedError) as caught:
        load(database, spotify(SpotifyApp(client, settings), "tracks", ids), run_id="r")

    assert caught.value.ended == "retry_later"
    assert keys(database) == ids[:50]


def test_chunks_are_visible_before_the_end(database):
    seen = []

    def watching() -> Iterator[Lookup]:
        for number, one in enumerate(lookups(25)):
            if number in (9, 10, 19, 20):
                seen.append((number, len(keys(database))))
            yield one

    load(database, watching(), run_id="r", chunk_rows=10)

    assert seen == [(9, 0), (10, 10), (19, 10), (20, 20)]
    assert len(keys(database)) == 25


def test_a_refused_row_is_found_in_its_own_chunk_and_other_chunks_load_once(database):
    rows = [*lookups(25), lookup(refused_key())]
    rows[3], rows[25] = rows[25], rows[3]

    load(database, rows, run_id="r", chunk_rows=10)

    assert sorted(keys(database)) == sorted(f"{TRACKS} {n}" for n in range(25))
    assert len(quarantine(database)) == 1


def test_every_lookup_is_told_as_it_comes(database):
    told = []

    load(database, lookups(3), run_id="r", on_lookup=told.append)

    assert told == lookups(3)


def test_nothing_to_load_touches_nothing(database, temporary):
    broken = unreachable(database)

    assert load(broken, [], run_id="r").rows == {}


def unreachable(database: Database) -> Database:
    """The same database at an address where none is."""
    elsewhere = copy.copy(database)
    elsewhere.url = "postgresql://cascade:canary%40password@127.0.0.1:1/music"
    elsewhere.embedded = False
    return elsewhere


def test_a_postgres_that_is_gone_is_one_sentence_without_its_password(database):
    with pytest.raises(DatabaseError) as caught:
        load(unreachable(database), lookups(3), run_id="r", secrets=["canary@password"])

    text = str(caught.value)
    assert text.startswith("Can't use the Postgres that DATABASE_URL names: ")
    assert "\n" not in text
    assert "canary" not in text
    assert caught.value.__suppress_context__, "no traceback shows the address"


def test_a_postgres_that_takes_no_row_at_all_is_one_sentence(database):
    read_only = copy.copy(database)
    read_only.url += "&options=-c%20default_transaction_read_only%3Don"

    with pytest.raises(DatabaseError, match="read-only") as caught:
        load(read_only, lookups(3), run_id="r")

    assert "\n" not in str(caught.value)
    assert (keys(database), quarantine(database)) == ([], [])


def test_a_stage_run_is_recorded_with_its_counts(database):
    run = StageRun("r", "spotify-tracks", started_at=AT, requests=3)
    outcomes = ("found", "found", "not_found", "invalid", "error", "blocked")
    answers = [lookup(str(number), outcome=outcome) for number, outcome in enumerate(outcomes)]
    run.add(load(database, [*answers, lookup("other", table=VIDEOS)], run_id="r"), TRACKS)
    run.ended, run.reason, run.resume_at = "retry_later", 'it\'s "full"', AT

    record_stage_run(database, run)

    (row,) = database.rows("select * from raw.stage_runs")
    assert row.pop("ended_at") > AT
    assert row == {
        "run_id": "r",
        "stage": "spotify-tracks",
        "started_at": AT,
        "requests": 3,
        "asked": 6,
        "found": 2,
        "not_found": 1,
        "invalid": 1,
        "errors": 1,
        "blocked": 1,
        "ended": "retry_later",
        "reason": 'it\'s "full"',
        "resume_at": AT,
    }


def test_dlt_leaves_nothing_of_its_own_in_the_home_folder(database, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))

    load(database, lookups(1), run_id="r")

    assert not list(tmp_path.rglob("*pipeline*"))


def test_no_connection_is_left_open(database):
    load(database, [*lookups(3), lookup(refused_key())], run_id="r")

    with psycopg.connect(database.url) as connection:
        open_now = connection.execute(
            "select count(*) from pg_stat_activity where query like '%raw%spotify_tracks%' and pid <> pg_backend_pid()"
        ).fetchone()
    assert open_now == (0,)
