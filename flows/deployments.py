"""The Prefect flows behind the deployments of prefect.yaml: thin wrappers around the functions that commands run.

One flow a run and no subflows (each costs a second); rounds are loops inside it. No secret is a parameter: Prefect's
pages show those, so settings are read where the flow runs.
"""

import os
from typing import Any

# before prefect is imported
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")

from prefect import State, flow
from prefect.states import Completed, Failed

from flows.enrich import enrich_due
from flows.scrape import ScrapeResult
from flows.scrape import scrape as scrape_and_enrich
from pipelines.database import AlreadyRunningError
from pipelines.load import StageRun
from pipelines.lookup import normalise_handle
from pipelines.settings import load_settings
from pipelines.stages import STAGES, stage_named


@flow(name="scrape", flow_run_name="scrape {handle}")
def scrape(handle: str, limit: int | None = None, full: bool = False, enrich: bool = True) -> State[Any]:
    """Scrape a TikTok creator, then enrich the first of what is due.

    Args:
        handle: TikTok handle, with or without @.
        limit: At most so many videos, newest first; without it, all that are new.
        full: Read to the oldest video, though nothing is new.
        enrich: Enrich behind the scrape, within small limits.
    """
    try:
        result = scrape_and_enrich(
            load_settings(), normalise_handle(handle), limit=limit, full=full, enrich_after=enrich
        )
    except AlreadyRunningError as error:
        return Completed(name="Already running", message=str(error), data=error)
    if result.state in ("done", "private", "not_found"):
        return Completed(message=result.message, data=result)
    if result.state == "partial":
        return Completed(name="Partial", message=result.message, data=result)
    return Failed(name="Blocked", message=result.message, data=result)


@flow(name="enrich", flow_run_name="enrich {stage}")
def enrich(stage: str = "all", limit: int | None = None, max_minutes: float | None = None) -> State[Any]:
    """Ask the services for what is due, until nothing is or the limit is reached.

    Args:
        stage: One stage, e.g. spotify-tracks, or all.
        limit: At most so many keys in each stage.
        max_minutes: Stop asking after so many minutes.
    """
    stages = STAGES if stage == "all" else (stage_named(stage),)
    runs = enrich_due(load_settings(), stages=stages, limit=limit, max_minutes=max_minutes)
    stopped = [f"{stage_named(run.stage).label}: {run.reason}" for run in runs if run.reason]
    message = "; ".join(stopped) or f"{sum(run.found for run in runs)} of {sum(run.asked for run in runs)} keys found"
    return Completed(name="Partial" if stopped else None, message=message, data=runs)


def scrape_in_prefect(handle: str, limit: int | None, full: bool, enrich_after: bool) -> ScrapeResult:
    """Run the scrape flow here, as a flow run of the configured server."""
    state = scrape(handle=handle, limit=limit, full=full, enrich=enrich_after, return_state=True)
    result: ScrapeResult = _returned(state)
    return result


def enrich_in_prefect(stage: str, limit: int | None, max_minutes: float | None) -> list[StageRun]:
    """Run the enrich flow here, as a flow run of the configured server."""
    runs: list[StageRun] = _returned(enrich(stage=stage, limit=limit, max_minutes=max_minutes, return_state=True))
    return runs


def _returned(state: State[Any]) -> Any:
    """What a flow returned, whatever it calls its state; what it raised is raised."""
    result = state.result(raise_on_failure=False)
    if isinstance(result, Exception):
        raise result
    return result
