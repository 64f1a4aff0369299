"""Reads what is due and what is already known: the only arrow from the warehouse back to the sources."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import errors

from pipelines import CascadeError
from pipelines.database import Database
from pipelines.stages import Stage


class NotBuiltError(CascadeError):
    """The models that a query needs do not exist yet."""


@dataclass(frozen=True)
class KnownListing:
    """What is known of a creator's videos before a scrape.

    `known` are the ids of the videos that finished listings have shown, `fresh` those of them that were seen within the
    refresh window. `complete` says whether the last listing got to what was known before it or to the end; if it broke
    off, `resume_cursor` is where (milliseconds since 1970).
    """

    known: frozenset[str] = frozenset()
    fresh: frozenset[str] = frozenset()
    complete: bool = False
    resume_cursor: int | None = None


def due_keys(database: Database, stage: Stage, limit: int) -> list[str]:
    """The `limit` most urgent keys of a stage's queue view, most viewed first."""
    query = f"select key from queues.{stage.queue} order by priority desc, key limit %(limit)s"  # noqa: S608
    try:
        return [row["key"] for row in database.rows(query, {"limit": limit})]
    except (errors.UndefinedTable, errors.InvalidSchemaName):
        raise NotBuiltError(f"queues.{stage.queue} does not exist yet; `dbt run` makes it.") from None


def resume_at(database: Database, stage_name: str) -> datetime | None:
    """When the service wants the stage to go on, while that is still to come; else None."""
    rows = database.rows(
        """
        select resume_at
        from (select * from raw.stage_runs where stage = %(stage)s order by ended_at desc limit 1) as last_run
        where resume_at > clock_timestamp()
        """,
        {"stage": stage_name},
    )
    return rows[0]["resume_at"] if rows else None


def known_listing(database: Database, handle: str) -> KnownListing:
    """What the catalog knows of a creator's videos, and how far the last listing got."""
    handles = {"handle": handle}
    try:
        videos = database.rows(
            "select video_id, is_fresh from queues.known_videos where tiktok_handle = %(handle)s", handles
        )
        listings = database.rows(
            "select is_complete, resume_cursor from queues.last_listings where tiktok_handle = %(handle)s", handles
        )
    except (errors.UndefinedTable, errors.InvalidSchemaName):
        return KnownListing()
    last = listings[0] if listings else {"is_complete": False, "resume_cursor": None}
    return KnownListing(
        known=frozenset(v["video_id"] for v in videos),
        fresh=frozenset(v["video_id"] for v in videos if v["is_fresh"]),
        complete=bool(last["is_complete"]),
        resume_cursor=last["resume_cursor"],
    )
