"""Enrich: ask what the queues hold, lane by lane, round after round, until nothing is due or the budget is spent."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import uuid4

from dlt.extract import DltSource

from flows.transform import Transform, warehouse
from pipelines.database import AlreadyRunningError, Database
from pipelines.http import Client, StageEndedError
from pipelines.load import LoadReport, StageRun, load, record_stage_run
from pipelines.queue import due_keys, paused_until
from pipelines.settings import Settings
from pipelines.sources import open_sources
from pipelines.stages import STAGES, Service, Stage


def enrich(
    settings: Settings,
    database: Database,
    transform: Transform,
    *,
    stages: Sequence[Stage] = STAGES,
    limits: Mapping[str, int] | None = None,
    max_minutes: float | None = None,
    on_asked: Callable[[Stage, int], None] = lambda stage, keys: None,
) -> list[StageRun]:
    """Ask for what is due in `stages`, at most `limits[stage.name]` keys each; returns one StageRun a stage.

    A stage that is refused, has no credentials or runs in another process says so in its StageRun (`ended`, `reason`)
    and never stops the others. Raises DatabaseError when Postgres is gone and TransformError when dbt fails.
    """
    run_id = uuid4().hex
    deadline = time.monotonic() + max_minutes * 60 if max_minutes is not None else None
    limits = limits or {}
    transform.prepare()
    asked = [_AskedStage(database, stage, StageRun(run_id, stage.name), limits.get(stage.name)) for stage in stages]
    with ExitStack() as lanes:
        try:
            for service in dict.fromkeys(stage.service for stage in stages):
                _open_lane(lanes, settings, database, service, [a for a in asked if a.stage.service == service])
            while sum(stage.ask_chunk(deadline, on_asked) for stage in asked):
                transform.round()
            for stage in asked:
                stage.run.finish()
        finally:
            for stage in asked:
                stage.record()
    return [stage.run for stage in asked]


def enrich_due(
    settings: Settings,
    *,
    stages: Sequence[Stage] = STAGES,
    limit: int | None = None,
    max_minutes: float | None = None,
    on_asked: Callable[[Stage, int], None] = lambda stage, keys: None,
) -> list[StageRun]:
    """`enrich` with a warehouse of its own, at most `limit` keys in each of the stages."""
    limits = {stage.name: limit for stage in stages} if limit is not None else None
    with warehouse(settings) as (database, transform):
        return enrich(
            settings, database, transform, stages=stages, limits=limits, max_minutes=max_minutes, on_asked=on_asked
        )


def _open_lane(
    lanes: ExitStack, settings: Settings, database: Database, service: Service, asked: list["_AskedStage"]
) -> None:
    """Take the service's lock and open its client for all its stages, or note in each why it can't run."""
    for stage in asked:
        stage.check_readiness(settings)
    ready = [stage for stage in asked if stage.may_ask]
    if not ready:
        return
    try:
        lanes.enter_context(database.lock(f"the {service.name} lane"))
    except AlreadyRunningError as error:
        for stage in ready:
            stage.end("already_running", str(error))
        return
    client = lanes.enter_context(Client(settings, database, service))
    sources = open_sources(service, client, settings)
    for stage in ready:
        stage.client, stage.source = client, sources[stage.stage.name]


@dataclass
class _AskedStage:
    """One stage of one run: its budget, and its way to the service while it may ask."""

    database: Database
    stage: Stage
    run: StageRun
    left: int | None
    client: Client | None = None
    source: Callable[[list[str]], DltSource] | None = None

    def check_readiness(self, settings: Settings) -> None:
        """End the stage before it begins when its credentials are missing or the service said "not before"."""
        missing = [name.upper() for name in self.stage.credentials if getattr(settings, name) is None]
        until = paused_until(self.database, self.stage.service)
        if missing:
            self.end("needs_credentials", f"skipped: {' and '.join(missing)} not set")
        elif until:
            self.run.resume_at = until
            self.end("retry_later", f"the service wants to be asked again from {until:%Y-%m-%d %H:%M} UTC")

    def ask_chunk(self, deadline: float | None, on_asked: Callable[[Stage, int], None]) -> bool:
        """Ask the next chunk of due keys; False when there is nothing (more) to ask."""
        if self.source is None or self.client is None:
            return False
        if deadline is not None and time.monotonic() > deadline:
            self.end("limit", "the minutes are spent")
            return False
        if self.left == 0:
            self.end("limit")
            return False
        batch = self.stage.batch if self.left is None else min(self.stage.batch, self.left)
        keys = due_keys(self.database, self.stage, batch)
        if not keys:
            # another stage's answers may make some
            return False
        if self.left is not None:
            self.left -= len(keys)
        requests_before = self.client.requests
        report = LoadReport()
        try:
            load(
                self.database,
                self.source(keys),
                run_id=self.run.run_id,
                secrets=self.client.secrets,
                report=report,
            )
            if not report.rows:
                self.end("failed", "Postgres keeps none of the answers: see raw.quarantine")
        except StageEndedError as error:
            self.run.resume_at = error.resume_at
            self.end(error.ended, str(error))
        finally:
            self.run.add(report, self.stage.raw_table)
            self.run.requests += self.client.requests - requests_before
        on_asked(self.stage, len(keys))
        return True

    @property
    def may_ask(self) -> bool:
        """Has nothing ended the stage yet?"""
        return self.run.ended == "interrupted"

    def end(self, ended: str, reason: str | None = None) -> None:
        """Stop asking; `ended` and `reason` go into the stage's row of raw.stage_runs."""
        self.run.ended, self.run.reason = ended, reason
        self.source = None

    def record(self) -> None:
        """Write the stage's row, unless another process is the one that runs it."""
        if self.run.ended != "already_running":
            record_stage_run(self.database, self.run)
