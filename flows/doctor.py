"""Doctor: what is configured, what answers, what is missing; in words that hold no secret."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pipelines import CascadeError
from pipelines.database import Database
from pipelines.http import Client, StageEndedError
from pipelines.settings import Settings
from pipelines.sources.spotify import SpotifyApp
from pipelines.stages import SPOTIFY, TIKTOK


@dataclass
class Check:
    """One line of the doctor's table."""

    what: str
    state: Literal["ok", "missing", "warning", "failed"]
    details: str


def examine(settings: Settings) -> list[Check]:
    """Every check, the database's first; each service is asked for one thing."""
    try:
        database = Database(settings)
    except CascadeError as error:
        return [Check("Postgres", "failed", str(error))]
    return [*_database(settings, database), *_services(settings, database)]


def _database(settings: Settings, database: Database) -> Iterator[Check]:
    facts = database.rows(
        """
        select
            current_setting('server_version') as version,
            current_setting('server_version_num')::int >= 140000 as is_supported,
            to_regclass('marts.cascade_status') is not null as is_built,
            (select count(*) from raw.quarantine) as quarantined
        """
    )[0]
    kind = "embedded" if database.embedded else "DATABASE_URL"
    if not facts["is_supported"]:
        yield Check("Postgres", "failed", f"{kind}, version {facts['version']}: 14 or newer is needed.")
    else:
        yield Check("Postgres", "ok", f"{kind}, version {facts['version']}, raw tables in place")
    if not database.embedded and ("-pooler." in database.url or ":6432" in database.url):
        yield Check("Address", "warning", "A pooled address can't hold a lock: put the direct one into DATABASE_URL.")
    if facts["is_built"]:
        yield Check("Models", "ok", "built")
    else:
        yield Check("Models", "missing", "`dbt run` or the first scrape builds them.")
    if facts["quarantined"]:
        yield Check("Quarantine", "warning", f"{facts['quarantined']} rows that Postgres refused: see raw.quarantine.")
    if not settings.musicbrainz_contact:
        yield Check("Contact", "missing", "MUSICBRAINZ_CONTACT tells the services whom to write to.")


def _services(settings: Settings, database: Database) -> Iterator[Check]:
    with Client(settings, database, TIKTOK) as client:
        cookie = "with a cookie" if settings.tiktok_cookie else "without a cookie"
        try:
            answer = client.ask("/robots.txt", attempts=1)
            if answer.status is None:
                yield Check("TikTok", "failed", f"does not answer: {answer.error}")
            else:
                yield Check("TikTok", "ok", f"answers (HTTP {answer.status}), asked {cookie}")
        except StageEndedError as error:
            yield Check("TikTok", "failed", str(error))
    missing = [n.upper() for n in ("spotify_client_id", "spotify_client_secret") if getattr(settings, n) is None]
    if missing:
        yield Check("Spotify", "missing", f"{' and '.join(missing)} not set: its stages are skipped.")
        return
    with Client(settings, database, SPOTIFY) as client:
        try:
            SpotifyApp(client, settings).sign_in()
            yield Check("Spotify", "ok", "answers, and knows the app")
        except StageEndedError as error:
            yield Check("Spotify", "failed", str(error))
