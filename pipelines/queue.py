"""Reads what is due and what is already known: the only arrow from the warehouse back to the sources."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import errors

from pipelines import CascadeError
from pipelines.database import Database
from pipelines.stages import Service, Stage


class NotBuiltError(CascadeError):
    """The models that a query needs do not exist yet."""


@dataclass(frozen=True)
class KnownListing:
    """What is known of a creator's videos before a scrape.

    `known` are the ids of the videos that listings have shown, `settled` those that nothing unread is older than.
    `resume_cursor` is where the last listing broke off (milliseconds since 1970), None when it did not.
    """

    known: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()
    resume_cursor: int | None = None


def due_keys(database: Database, stage: Stage, limit: int) -> list[str]:
    """The `limit` most urgent keys of a stage's queue view, most viewed first."""
    query = f"select key from queues.{stage.queue} order by priority desc, key limit %(limit)s"  # noqa: S608
    try:
        return [row["key"] for row in database.rows(query, {"limit": limit})]
    except (errors.UndefinedTable, errors.InvalidSchemaName):
        raise NotBuiltError(f"queues.{stage.queue} does not exist yet; `dbt run` makes it.") from None


def paused_until(database: Database, service: Service) -> datetime | None:
    """Until when the service does not want to be asked, if that is longer than a request would wait; else None."""
    rows = database.rows(
        """
        select next_at
        from raw.pace_slots
        where service = %(service)s and next_at > clock_timestamp() + interval '1 minute'
        """,
        {"service": service.name},
    )
    return rows[0]["next_at"] if rows else None


def known_listing(database: Database, handle: str) -> KnownListing:
    """What the catalog knows of a creator's videos, and how far the last listing got."""
    handles = {"handle": handle}
    try:
        videos = database.rows(
            "select video_id, is_settled from queues.known_videos where tiktok_handle = %(handle)s", handles
        )
        listings = database.rows(
            "select resume_cursor from queues.last_listings where tiktok_handle = %(handle)s", handles
        )
    except (errors.UndefinedTable, errors.InvalidSchemaName):
        return KnownListing()
    return KnownListing(
        known=frozenset(video["video_id"] for video in videos),
        settled=frozenset(video["video_id"] for video in videos if video["is_settled"]),
        resume_cursor=listings[0]["resume_cursor"] if listings else None,
    )
