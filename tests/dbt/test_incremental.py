"""Every raw row ends where it belongs, once: late commits, failures, duplicates, older answers, rebuilds."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from flows.transform import Transform, TransformError
from pipelines.database import Database
from pipelines.load import load
from pipelines.lookup import Lookup

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def track(key: str, title: str, minutes: int = 0) -> Lookup:
    payload = {"id": key, "name": title, "artists": [{"id": "a", "name": "A"}]}
    return Lookup("spotify_tracks", key, "found", payload, answered_at=NOW + timedelta(minutes=minutes))


def video(key: str, plays: int, minutes: int = 0, song: str | None = None) -> Lookup:
    music = {"tt2dsp": {"tt_to_dsp_song_infos": [{"platform": 3, "song_id": song}]}} if song else {}
    payload = {"id": key, "author": {"uniqueId": "c"}, "stats": {"playCount": plays}, "music": music}
    return Lookup("tiktok_videos", key, "found", payload, answered_at=NOW + timedelta(minutes=minutes))


def titles(database: Database) -> dict[str, str]:
    rows = database.rows("select spotify_track_id, title from catalog.spotify_tracks")
    return {row["spotify_track_id"]: row["title"] for row in rows}


INSERT = (
    "insert into raw.spotify_tracks (key, outcome, payload, answered_at, run_id)"
    " values (%s, 'found', jsonb_build_object('name', %s::text), %s, 'late')"
)


def test_a_load_that_commits_after_a_later_one_is_not_lost(database: Database, transform: Transform):
    with database.connect() as early, early.transaction():
        early.execute(INSERT, ("early", "Early", NOW))
        load(database, [track("later", "Later")], run_id="later")
        transform.round()
        assert titles(database) == {"later": "Later"}, "what is committed is taken at once"
    transform.round()

    assert titles(database) == {"early": "Early", "later": "Later"}


def test_rows_are_taken_once_and_a_round_without_news_writes_nothing(database: Database, transform: Transform):
    load(database, [track("a", "A"), track("b", "B")], run_id="first")
    transform.round()
    written = database.rows("select spotify_track_id, ingest_xid::text from catalog.spotify_tracks order by 1")

    transform.round()

    assert database.rows("select spotify_track_id, ingest_xid::text from catalog.spotify_tracks order by 1") == written


def test_an_older_answer_that_arrives_late_does_not_overwrite(database: Database, transform: Transform):
    load(database, [track("a", "New title", minutes=10), video("1", 500, minutes=10)], run_id="new")
    transform.round()
    load(database, [track("a", "Old title"), video("1", 100)], run_id="old")
    transform.round()

    assert titles(database) == {"a": "New title"}
    assert database.rows("select play_count from catalog.tiktok_scraped_videos") == [{"play_count": 500}]
    history = database.rows("select play_count from history.video_observations order by scraped_at")
    assert [row["play_count"] for row in history] == [100, 500]


def test_a_row_that_landed_twice_changes_nothing(database: Database, transform: Transform):
    rows = [video("1", 500, song="s"), track("s", "S")]
    load(database, rows, run_id="r")
    load(database, rows, run_id="r")
    transform.round()

    assert database.rows("select video_count, total_views from catalog.creator_tracks") == [
        {"video_count": 1, "total_views": 500}
    ]
    assert database.rows("select count(*) as n from history.video_observations") == [{"n": 1}]
    assert titles(database) == {"s": "S"}


def test_a_model_that_fails_once_takes_its_rows_in_the_next_round(database: Database, transform: Transform):
    load(database, [video("1", 500, song="s"), track("s", "S")], run_id="r")
    with database.connect() as connection:
        connection.execute("alter table catalog.spotify_tracks add constraint broken check (title <> 'S')")
        try:
            with pytest.raises(TransformError, match="spotify_tracks"):
                transform.round()
            assert titles(database) == {}
            # views still answer with what is there
            assert database.rows("select count(*) as n from marts.top_tracks") == [{"n": 1}]
        finally:
            connection.execute("alter table catalog.spotify_tracks drop constraint broken")
    transform.round()

    assert titles(database) == {"s": "S"}
    assert database.rows("select enriched from marts.cascade_status where tiktok_handle = 'c'") == [{"enriched": 1}]
    assert database.rows("select count(*) as n from catalog.spotify_track_artists") == [{"n": 1}]


def test_a_watermark_from_another_cluster_means_nothing(database: Database, transform: Transform):
    """A dump restored elsewhere brings transaction numbers that the new cluster has not reached."""
    with database.connect() as connection:
        connection.execute("update history.watermarks set read_below = '9999999999'")
    load(database, [track("a", "A")], run_id="r")
    transform.round()

    assert titles(database) == {"a": "A"}


def dump(database: Database) -> dict[str, list[dict]]:
    """Every typed table, kept table and view, without the time stamps of writing."""
    relations = database.rows(
        "select format('%I.%I', schemaname, tablename) as name from pg_catalog.pg_tables"
        " where schemaname in ('catalog', 'history', 'queues') and tablename <> 'watermarks'"
    )
    written = ("updated_at", "ingest_xid", "known_since")
    return {
        r["name"]: sorted(
            ({k: v for k, v in row.items() if k not in written} for row in database.rows(f"select * from {r['name']}")),
            key=str,
        )
        for r in relations
    }


def test_full_refresh_rebuilds_the_same_tables_and_readers_see_no_gap(database: Database, transform: Transform):
    load(database, [video("1", 100), video("1", 500, minutes=1, song="s"), track("s", "S")], run_id="r")
    transform.round()
    load(database, [video("2", 7, minutes=2, song="s"), video("1", 600, minutes=3, song="t")], run_id="r2")
    transform.round()
    before = dump(database)
    assert all(before[name] for name in ("catalog.creator_tracks", "history.video_observations"))

    transform._dbt("run", "--full-refresh")

    assert dump(database) == before


def test_no_view_disappears_while_dbt_runs(database: Database, transform: Transform):
    load(database, [video("1", 500, song="s"), track("s", "S")], run_id="r")
    transform.round()
    with _Reader(database, "select count(*) from marts.cascade_status") as reader:
        transform._dbt("run")
        transform._dbt("run", "--full-refresh")

    assert reader.reads > 20
    assert reader.errors == []
    assert reader.seen == {2}, "one creator and all creators, at any moment"


class _Reader:
    """Reads a view again and again from a thread of its own, and notes what it saw."""

    def __init__(self, database: Database, query: str) -> None:
        self.reads, self.errors, self.seen = 0, [], set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(database, query))

    def _read(self, database: Database, query: str) -> None:
        with database.connect() as connection:
            while not self._stop.is_set():
                try:
                    self.seen.add(connection.execute(query).fetchone()[0])
                except psycopg.Error as error:
                    self.errors.append(error)
                self.reads += 1

    def __enter__(self) -> "_Reader":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
