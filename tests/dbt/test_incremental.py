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
    assert database.rows(
        "select enriched from marts.cascade_status where tiktok_handle = 'c' and stage_number = 1"
    ) == [{"enriched": 1}]
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
    with _Reader(database, "select count(*) from marts.cascade_status where stage_number = 1") as reader:
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


def test_a_load_between_two_models_of_a_round_is_whole_after_the_next(database: Database, transform: Transform):
    """Models read raw one after the other: what commits between them is new to some of them only."""
    transform._dbt("run", "--select", "video_observations")
    load(database, [video("1", 500, song="s")], run_id="r")
    transform._dbt("run", "--select", "tiktok_scraped_videos", "creator_tracks", "spotify_track_keys")
    transform.round()

    assert database.rows("select video_count from catalog.creator_tracks") == [{"video_count": 1}]
    assert database.rows("select key from queues.queue_spotify_tracks") == [{"key": "s"}]


def test_ids_too_long_to_be_one_are_null_and_the_row_stays(database: Database, transform: Transform):
    long = "".join(chr(65 + (n * n) % 57) for n in range(5000))
    odd = video("1", 500, song=long)
    odd.payload["author"] = {"uniqueId": long, "secUid": long}
    odd.payload["music"]["id"] = odd.payload["music"]["title"] = long
    bad_track = track("s", long)
    bad_track.payload.update(external_ids={"isrc": long}, artists=[{"id": long, "name": long}])
    load(database, [odd, video("2", 7, song="s"), bad_track], run_id="r")

    transform.round()

    rows = database.rows(
        "select video_id, tiktok_handle, spotify_track_id from catalog.tiktok_scraped_videos order by 1"
    )
    assert [tuple(row.values()) for row in rows] == [("1", "(unknown)", None), ("2", "c", "s")]
    assert database.rows("select artist_ids from catalog.spotify_tracks") == [{"artist_ids": []}]


def test_a_changed_rule_reaches_the_rows_that_stand(database: Database, transform: Transform):
    """prepare() finds another version than its own, as after an upgrade, and rebuilds from raw."""
    load(database, [track("a", "A")], run_id="r")
    transform.round()
    with database.connect() as connection:
        # what an older rule had made of it, and an index that it had not
        connection.execute("update catalog.spotify_tracks set title = 'old rule'")
        connection.execute("drop index catalog.spotify_tracks_isrc")
        connection.execute("comment on schema marts is 'cascade of yesterday'")

    transform.prepare()

    assert titles(database) == {"a": "A"}
    assert database.rows("select to_regclass('catalog.spotify_tracks_isrc') is not null as stands") == [
        {"stands": True}
    ]


def test_a_view_whose_column_has_another_type_is_made_anew(database: Database, transform: Transform):
    with database.connect() as connection:
        connection.execute("drop view marts.creator_stats")
        connection.execute("create view marts.creator_stats as select 1::integer as tiktok_handle")

    transform._dbt("run", "--select", "creator_stats")

    assert database.rows("select tiktok_handle from marts.creator_stats") == []


def test_looking_for_news_reads_no_table_whole(database: Database, transform: Transform, monkeypatch):
    load(database, [track(f"track {n}", "T") for n in range(2000)], run_id="r", chunk_rows=2000)
    transform.round()
    with database.connect() as connection:
        connection.execute("analyze raw.spotify_tracks")
    asked: list[str] = []
    rows = Database.rows
    monkeypatch.setattr(Database, "rows", lambda self, query, *rest: asked.append(query) or rows(self, query, *rest))

    transform.round()

    plan = str(rows(database, f"explain {asked[-1]}"))
    assert "has_news" in asked[-1]
    assert "Seq Scan on spotify_tracks" not in plan


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")])
def test_of_two_answers_of_one_moment_the_first_written_stays(database: Database, transform: Transform, order):
    for number, plays in zip(order, (1, 2), strict=True):
        load(database, [video("1", plays)], run_id=number)
        transform.round()

    before = dump(database)
    transform._dbt("run", "--full-refresh")

    assert dump(database) == before
    assert database.rows("select play_count from catalog.tiktok_scraped_videos") == [{"play_count": 1}]
    assert database.rows("select play_count from history.video_observations") == [{"play_count": 1}]
