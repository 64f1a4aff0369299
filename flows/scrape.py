"""Scrape: one creator from TikTok, or items from files, into raw and through the models."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from uuid import uuid4

from flows.enrich import enrich
from flows.transform import Transform, warehouse
from pipelines.database import Database
from pipelines.http import Client, StageEndedError
from pipelines.load import LoadReport, StageRun, load, record_stage_run
from pipelines.lookup import Lookup
from pipelines.queue import known_listing, paused_until
from pipelines.settings import Settings
from pipelines.sources import tiktok
from pipelines.stages import STAGES, TIKTOK

# how many keys of each stage are asked behind a scrape; the schedule asks the rest
AFTER_SCRAPE = {stage.name: stage.after_scrape for stage in STAGES}

ScrapeState = Literal["done", "partial", "blocked", "private", "not_found"]


@dataclass
class ScrapeResult:
    """What a scrape found. `message` is one sentence for people."""

    handle: str
    state: ScrapeState = "done"
    message: str = ""
    videos: int = 0
    new_videos: int = 0
    quarantined: int = 0
    stages: list[StageRun] = field(default_factory=list)


@dataclass
class ImportResult:
    """What an import of files found; `problems` has one sentence a file that could not be read."""

    videos: int = 0
    profiles: int = 0
    quarantined: int = 0
    problems: list[str] = field(default_factory=list)
    stages: list[StageRun] = field(default_factory=list)


def scrape(
    settings: Settings,
    handle: str,
    *,
    limit: int | None = None,
    full: bool = False,
    enrich_after: bool = True,
    on_video: Callable[[], None] = lambda: None,
) -> ScrapeResult:
    """Scrape a creator, then enrich the first of what is due, within each stage's `after_scrape`."""
    with warehouse(settings) as (database, transform):
        result = scrape_creator(settings, database, transform, handle, limit=limit, full=full, on_video=on_video)
        if enrich_after:
            result.stages = enrich(settings, database, transform, limits=AFTER_SCRAPE)
    return result


def import_and_enrich(settings: Settings, paths: Iterable[Path], *, enrich_after: bool = True) -> ImportResult:
    """Load items from files, then enrich the first of what is due, within each stage's `after_scrape`."""
    with warehouse(settings) as (database, transform):
        result = import_files(settings, database, transform, paths)
        if enrich_after:
            result.stages = enrich(settings, database, transform, limits=AFTER_SCRAPE)
    return result


def scrape_creator(
    settings: Settings,
    database: Database,
    transform: Transform,
    handle: str,
    *,
    limit: int | None = None,
    full: bool = False,
    on_video: Callable[[], None] = lambda: None,
) -> ScrapeResult:
    """Read a creator's profile and newest videos, at most `limit`; `full` reads to the end though nothing is new.

    Raises AlreadyRunningError when another process scrapes the same creator, DatabaseError when Postgres is gone,
    TransformError when dbt fails. What TikTok refuses is no exception: it is the result's `state` and `message`.
    """
    run = StageRun(uuid4().hex, TIKTOK.name)
    result = ScrapeResult(handle)
    report = LoadReport()
    if until := paused_until(database, TIKTOK):
        result.state = "blocked"
        result.message = f"@{handle}: TikTok wants to be asked again from {until:%Y-%m-%d %H:%M} UTC."
        return result

    def count(lookup: Lookup) -> None:
        if lookup.table == tiktok.VIDEOS:
            on_video()

    with database.lock(f"scrape of {handle}"), Client(settings, database, TIKTOK) as client:
        transform.prepare()
        source = tiktok.tiktok(
            client,
            handle,
            limit=limit,
            full=full,
            known=known_listing(database, handle),
            cookie=settings.tiktok_cookie.get_secret_value() if settings.tiktok_cookie else None,
        )
        try:
            load(database, source, run_id=run.run_id, secrets=client.secrets, report=report, on_lookup=count)
            run.ended = "done"
        except StageEndedError as error:
            run.ended, run.reason, run.resume_at = error.ended, str(error), error.resume_at
        finally:
            run.requests = client.requests
            run.add(report, tiktok.PROFILES, tiktok.VIDEOS)
            record_stage_run(database, run)
        transform.round()
    result.quarantined = report.quarantined
    _describe(database, run, report, result)
    return result


def import_files(
    settings: Settings,
    database: Database,
    transform: Transform,
    paths: Iterable[Path],
) -> ImportResult:
    """Load TikTok items from files and folders; files that can't be read are named in the result, the rest loads."""
    result = ImportResult()
    report = load(
        database,
        tiktok.tiktok_files(paths, result.problems),
        run_id=uuid4().hex,
        secrets=settings.secrets,
    )
    transform.prepare()
    result.videos = report.count(tiktok.VIDEOS)
    result.profiles = report.count(tiktok.PROFILES)
    result.quarantined = report.quarantined
    return result


def _describe(database: Database, run: StageRun, report: LoadReport, result: ScrapeResult) -> None:
    """Fill in the result: what the models say of the creator, and how far the listing of this run got."""
    creators = database.rows(
        "select name, status, video_count from catalog.tiktok_creators where tiktok_handle = %(handle)s",
        {"handle": result.handle},
    )
    listings = database.rows(
        "select * from queues.last_listings where tiktok_handle = %(handle)s and run_id = %(run_id)s",
        {"handle": result.handle, "run_id": run.run_id},
    )
    listing = listings[0] if listings else {}
    result.videos = report.count(tiktok.VIDEOS)
    result.new_videos = listing.get("new_video_count") or 0
    status = creators[0]["status"] if creators else None
    read = f"{result.videos} video{'s' if result.videos != 1 else ''} read, {result.new_videos} of them new"
    if report.count(tiktok.PROFILES, "error") or listing.get("outcome") == "error":
        result.state = "partial"
        reason = listing.get("ended") or "TikTok did not answer as expected, and nothing was changed."
        result.message = f"@{result.handle}: {read}, then: {reason} Run it again to go on."
    elif run.ended != "done":
        result.state = "partial" if result.videos else "blocked"
        result.message = (
            f"@{result.handle}: {read}, then: {run.reason}" if result.videos else f"@{result.handle}: {run.reason}"
        )
    elif status == "private":
        result.state, result.message = "private", f"@{result.handle} is private: its videos can't be read."
    elif status == "restricted":
        result.state = "private"
        result.message = f"@{result.handle} shows its videos to logged-in visitors only; set TIKTOK_COOKIE."
    elif status == "banned":
        result.state, result.message = "not_found", f"@{result.handle} was banned or deleted by TikTok."
    elif status == "not_found":
        result.state, result.message = "not_found", f"There is no TikTok account @{result.handle}."
    elif not result.videos and not (creators and creators[0]["video_count"]):
        result.message = f"@{result.handle} has no public videos."
    else:
        result.message = f"@{result.handle}: {read}."
