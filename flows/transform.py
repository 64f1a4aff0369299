"""Transform: dbt in one warm child process a run, one invocation at a time over all processes."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from pipelines import CascadeError
from pipelines.database import Database
from pipelines.lookup import redact
from pipelines.settings import ROOT, Settings
from pipelines.stages import RAW_TABLES

_PROJECT = ROOT / "dbt_project"


class TransformError(CascadeError):
    """dbt failed; the text names the model and says that the last good data stand."""


class Transform:
    """The run's dbt. `prepare` once, then `round` as often as new answers came."""

    def __init__(self, settings: Settings, database: Database) -> None:
        """Start the child; it imports dbt while the caller goes on."""
        self._database = database
        self._secrets = settings.secrets
        environment = {
            **os.environ,
            "DATABASE_URL": database.url,
            "DBT_TARGET_PATH": str(settings.cascade_data_dir / "dbt_target"),
            "DBT_LOG_PATH": str(settings.cascade_data_dir / "dbt_logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DO_NOT_TRACK": "1",
        }
        self._child = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "flows.dbt_child", str(_PROJECT), str(ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            cwd=ROOT,
            # its own group: Ctrl-C is ours to answer, and it can be killed with all it started
            start_new_session=True,
        )

    def prepare(self) -> None:
        """Bring the database up to this version of the project: rebuilt from raw after a change, else one round."""
        with self._database.lock("transform", wait=True):
            version = f"cascade {_project_version()}"
            built, now = self._database.rows(
                "select obj_description(to_regnamespace('marts'), 'pg_namespace') as built, clock_timestamp() as now"
            )[0].values()
            if built != version:
                # a changed rule reaches the rows that stand; each table is refilled within a transaction
                self._dbt("run", "--full-refresh")
                with self._database.connect() as connection:
                    connection.execute(f"comment on schema marts is '{version}'")
                    # of models that are no more
                    connection.execute("delete from history.watermarks where advanced_at < %s", (now,))
                return
        self.round()

    def round(self) -> None:
        """Turn new answers into rows: the incremental models only, so that no view is touched."""
        with self._database.lock("transform", wait=True):
            if self._has_news():
                self._dbt("run", "--select", "config.materialized:incremental")

    def _has_news(self) -> bool:
        """Is there a raw row that some model has not read? Where there is none, a round would find nothing to do."""
        # as read_below() in macros/watermarks.sql: a number from another cluster means nothing
        below = self._database.rows(
            """
            select least_read.below::text as below
            from history.watermarks
            cross join lateral (
                select
                    case
                        when read_below <= pg_snapshot_xmax(pg_current_snapshot()) then read_below else '0'
                    end as below
            ) as least_read
            order by least_read.below
            limit 1
            """
        )
        # a literal: with an expression Postgres would guess a third of raw, and read all of it
        least = int(below[0]["below"]) if below else 0
        unread = " or ".join(
            f"exists (select 1 from raw.{table} where ingest_xid >= '{least}')"  # noqa: S608
            for table in RAW_TABLES
        )
        return bool(self._database.rows(f"select {unread} as has_news")[0]["has_news"])

    def _dbt(self, *arguments: str) -> None:
        failures = self._invoke(arguments)
        if failures:
            raise TransformError(
                f"dbt failed in {redact('; '.join(failures), self._secrets)} The answers are kept in raw, the tables "
                "keep their last good rows, and the next run goes on from there."
            )

    def _invoke(self, arguments: Sequence[str]) -> list[str]:
        if self._child.stdin is None or self._child.stdout is None:
            raise TransformError("The dbt process has no pipes.")
        try:
            self._child.stdin.write(json.dumps({"args": arguments}) + "\n")
            self._child.stdin.flush()
            answer = self._child.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise TransformError(
                f"The dbt process ended by itself (exit code {self._child.wait()}); from the repository's root"
                " `dbt parse --project-dir dbt_project` shows why."
            )
        failures: list[str] = json.loads(answer)["failures"]
        return failures

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.communicate()


@contextlib.contextmanager
def warehouse(settings: Settings) -> Iterator[tuple[Database, Transform]]:
    """The database, and a dbt that warms up while the caller goes on."""
    database = Database(settings)
    with Transform(settings, database) as transform:
        yield database, transform


def _project_version() -> str:
    """A hash over every file that makes the models what they are."""
    files = [*(_PROJECT / "models").rglob("*.*"), *(_PROJECT / "macros").rglob("*.sql"), _PROJECT / "dbt_project.yml"]
    digest = hashlib.sha256()
    for file in sorted([*files, ROOT / "pipelines" / "raw_tables.sql"]):
        digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()[:16]
