"""Lookups -> raw.* by dlt, in small chunks that leave nothing pending; what Postgres refuses goes to raw.quarantine.

Each chunk is a dlt run of its own, in a working directory that is thrown away: nothing is ever pending, so nothing can
wedge a later run, and a crash costs one chunk. dlt is fed with Arrow tables (payload as JSON text) and writes csv, its
fastest way into jsonb.
"""

import json
import logging
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg
import pyarrow as pa

from pipelines.database import Connection, Database
from pipelines.lookup import Lookup, redact

os.environ.update(
    RUNTIME__DLTHUB_TELEMETRY="false",
    # dlt logs a refused row with its traceback; load() reports it in one sentence
    RUNTIME__LOG_LEVEL="CRITICAL",
    # gzip of files that live for a tenth of a second is half of a load's time
    DATA_WRITER__DISABLE_COMPRESSION="true",
    NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID="true",
    NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_ID="true",
    # a refused file is not tried again and again: the refused row is looked for instead
    LOAD__RAISE_ON_MAX_RETRIES="1",
)
import dlt
from dlt.extract.exceptions import ResourceExtractionError
from dlt.pipeline.exceptions import PipelineStepFailed

logger = logging.getLogger(__name__)

CHUNK_ROWS = 500
CHUNK_SECONDS = 30.0

_SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("outcome", pa.string()),
        ("payload", pa.string()),
        ("http_status", pa.int32()),
        ("error", pa.string()),
        ("sanitised", pa.bool_()),
        ("requested_at", pa.timestamp("us", "UTC")),
        ("answered_at", pa.timestamp("us", "UTC")),
        ("run_id", pa.string()),
    ]
)
_INSERT = (
    "insert into raw.{table} (key, outcome, payload, http_status, error, sanitised, requested_at, answered_at, run_id)"
    # dlt's csv makes NULL of an empty text
    " values (nullif(%(key)s, ''), %(outcome)s, %(payload)s, %(http_status)s, %(error)s, %(sanitised)s,"
    " %(requested_at)s, %(answered_at)s, %(run_id)s)"
)
# SQLSTATE classes that speak of the row (data exception, integrity, program limit), not of the server or the rights
_ROW_ERRORS = ("22", "23", "54")


@dataclass
class LoadReport:
    """What one call of `load` did: rows per raw table and outcome, and how many were set aside."""

    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    quarantined: int = 0

    def count(self, table: str, outcome: str | None = None) -> int:
        """Rows loaded into `table`, of one outcome or of all."""
        return sum(n for (t, o), n in self.rows.items() if t == table and outcome in (None, o))


def load(
    database: Database,
    lookups: Iterable[Lookup],
    *,
    run_id: str,
    secrets: Collection[str] = (),
    report: LoadReport | None = None,
    on_lookup: Callable[[Lookup], None] = lambda lookup: None,
    chunk_rows: int = CHUNK_ROWS,
) -> LoadReport:
    """Take lookups from a source, one by one, and write them to `raw` in chunks of `chunk_rows` or half a minute.

    However `lookups` ends (exhausted, StageEndedError, Ctrl-C), what was fetched is written before the exception goes
    on; only a Ctrl-C in the middle of writing costs the chunk that is being written. `secrets` is looked at when a
    chunk is written, so that a token that came meanwhile is among them. Raises DatabaseError when Postgres is gone or
    takes nothing.
    """
    report = report or LoadReport()
    chunk: list[Lookup] = []
    since = time.monotonic()

    def flush() -> None:
        nonlocal chunk, since
        rows, chunk, since = chunk, [], time.monotonic()
        if rows:
            _load_chunk(database, rows, run_id, secrets, report)

    try:
        for lookup in lookups:
            chunk.append(lookup)
            on_lookup(lookup)
            if len(chunk) >= chunk_rows or time.monotonic() - since > CHUNK_SECONDS:
                flush()
    except ResourceExtractionError as error:
        # dlt's wrapping of what a source raised
        raise error.__cause__ or error from None
    finally:
        flush()
    return report


def _load_chunk(
    database: Database, lookups: list[Lookup], run_id: str, secrets: Collection[str], report: LoadReport
) -> None:
    """Write a chunk, each table in a commit of its own.

    The table whose last lookup came last is written last: a listing must not stand before the videos that it tells of.
    """
    tables: dict[str, list[dict[str, Any]]] = {}
    for lookup in lookups:
        rows = tables.pop(lookup.table, [])
        rows.append(lookup.as_row(run_id, secrets))
        tables[lookup.table] = rows
    for table, rows in tables.items():
        try:
            _run_dlt(database.url, table, rows)
        except PipelineStepFailed as failure:
            reason = redact(str(failure.exception).strip().split("\n")[-1], secrets)
            rows = _without_refused(database, table, rows, secrets, report, reason)
        report.rows.update((table, row["outcome"]) for row in rows)


def _without_refused(
    database: Database,
    table: str,
    rows: list[dict[str, Any]],
    secrets: Collection[str],
    report: LoadReport,
    failure: str,
) -> list[dict[str, Any]]:
    """Quarantine the rows that Postgres refuses and write the others; returns what was written.

    In a refused row's place stands an `error` of its key, so that the key waits like any other that failed.
    """
    try:
        with database.connect() as connection:
            refused = _refused(connection, table, rows)
            if not refused:
                raise database.unavailable(psycopg.OperationalError(failure))
            for row, reason in refused:
                _quarantine(connection, table, row, redact(reason, secrets))
            report.quarantined += len(refused)
            marks = [
                {**row, "outcome": "error", "payload": None, "error": "Postgres refused it: see raw.quarantine."}
                for row, _ in refused
            ]
            # a key that is itself what Postgres refuses leaves no mark
            refused_rows = [row for row, _ in refused + _refused(connection, table, marks)]
            kept = [row for row in [*rows, *marks] if row not in refused_rows]
        _run_dlt(database.url, table, kept)
    except (psycopg.Error, PipelineStepFailed) as error:
        reason = redact(str(error).strip().split("\n")[-1], secrets)
        raise database.unavailable(psycopg.OperationalError(reason)) from None
    return kept


def _refused(connection: Connection, table: str, rows: list[dict[str, Any]]) -> list[tuple[dict[str, Any], str]]:
    """The rows that Postgres does not take, each with its reason; tried row by row in a transaction that is undone."""
    refused = []
    with connection.transaction(force_rollback=True):
        for row in rows:
            try:
                with connection.transaction():
                    connection.execute(_INSERT.format(table=table), row)
            except psycopg.Error as error:
                if not (error.sqlstate or "").startswith(_ROW_ERRORS):
                    raise
                refused.append((row, f"{error.sqlstate} {error.diag.message_primary}"))
    return refused


def _quarantine(connection: Connection, table: str, row: dict[str, Any], reason: str) -> None:
    """Keep a refused row as ASCII text, which Postgres takes whatever was wrong with it, and raise the alert."""
    connection.execute(
        "insert into raw.quarantine (raw_table, raw_row, reason, run_id) values (%s, %s, %s, %s)",
        (table, json.dumps(row, default=str), reason, row["run_id"]),
    )
    logger.warning("One row for raw.%s went to raw.quarantine: %s", table, reason)


def _run_dlt(url: str, table: str, rows: list[dict[str, Any]]) -> None:
    """One dlt run: append rows to a raw table, all of them in one commit, or raise PipelineStepFailed."""
    if not rows:
        return
    resource = dlt.resource(
        pa.Table.from_pylist(rows, schema=_SCHEMA),
        name=table,
        columns={"payload": {"data_type": "json"}},
        write_disposition="append",
    )
    with TemporaryDirectory(prefix="cascade-dlt-") as directory:
        pipeline = dlt.pipeline(
            # threads must not share a name
            pipeline_name=f"raw_{uuid.uuid4().hex}",
            pipelines_dir=directory,
            destination=dlt.destinations.postgres(credentials=_dlt_url(url), create_indexes=False),
            dataset_name="raw",
        )
        pipeline.config.restore_from_destination = False
        pipeline.run(
            resource,
            loader_file_format="csv",
            schema_contract={"tables": "evolve", "columns": "freeze", "data_type": "freeze"},
        )


def _dlt_url(url: str) -> str:
    """dlt insists on a host and a password, which an address of a Unix socket has not."""
    parts = urlsplit(url)
    if parts.hostname and parts.password:
        return url
    query = urlencode(parse_qsl(parts.query))
    netloc = f"{parts.username or 'postgres'}:{parts.password or 'x'}@{parts.hostname or 'localhost'}"
    return urlunsplit(parts._replace(netloc=netloc + (f":{parts.port}" if parts.port else ""), query=query))


@dataclass
class StageRun:
    """What one run did in one stage: a row of raw.stage_runs."""

    run_id: str
    stage: str
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    requests: int = 0
    asked: int = 0
    found: int = 0
    not_found: int = 0
    invalid: int = 0
    errors: int = 0
    blocked: int = 0
    ended: str = "interrupted"
    reason: str | None = None
    resume_at: datetime | None = None

    def add(self, report: LoadReport, *tables: str) -> None:
        """Count the keys whose answers are stored."""
        for (table, outcome), number in report.rows.items():
            if table in tables:
                column = "errors" if outcome == "error" else outcome
                setattr(self, column, getattr(self, column) + number)
                self.asked += number

    def finish(self) -> None:
        """Nothing is left to ask: done, or failed where not one key was answered."""
        if self.ended == "interrupted":
            self.ended = "done"
        if self.ended in ("done", "limit") and self.asked and self.errors == self.asked:
            self.ended, self.reason = "failed", "every key that was asked failed"


def record_stage_run(database: Database, run: StageRun) -> None:
    """Write the row of raw.stage_runs, once the stage has ended."""
    row = {**asdict(run), "ended_at": datetime.now(UTC)}
    columns = ", ".join(row)
    values = ", ".join(f"%({column})s" for column in row)
    with database.connect() as connection:
        connection.execute(f"insert into raw.stage_runs ({columns}) values ({values})", row)  # noqa: S608
