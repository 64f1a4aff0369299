"""The stages, declared in one table: what asks whom for what, in which batches, at which pace."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """One upstream service. `per_second` is how many requests may *start* a second, over everything that runs."""

    name: str
    per_second: float


@dataclass(frozen=True)
class Stage:
    """One step of the cascade.

    `name` is what people type, `label` what cascade_status shows, `queue` the view that lists the keys to ask, `batch`
    how many keys one chunk asks (about a minute at most), `after_scrape` how many keys are asked behind a scrape.
    """

    name: str
    label: str
    service: Service
    raw_table: str
    queue: str
    batch: int
    after_scrape: int
    credentials: tuple[str, ...]


TIKTOK = Service("tiktok", per_second=2)
SPOTIFY = Service("spotify", per_second=10)

STAGES = (
    Stage(
        name="spotify-tracks",
        label="Spotify Tracks",
        service=SPOTIFY,
        raw_table="spotify_tracks",
        queue="queue_spotify_tracks",
        batch=500,
        after_scrape=50,
        credentials=("spotify_client_id", "spotify_client_secret"),
    ),
    Stage(
        name="spotify-artists",
        label="Spotify Artists",
        service=SPOTIFY,
        raw_table="spotify_artists",
        queue="queue_spotify_artists",
        batch=500,
        after_scrape=20,
        credentials=("spotify_client_id", "spotify_client_secret"),
    ),
)

RAW_TABLES = ("tiktok_profiles", "tiktok_listings", "tiktok_videos", *(stage.raw_table for stage in STAGES))


def stage_named(name: str) -> Stage:
    """The stage that people call `name`; KeyError with the names there are."""
    for stage in STAGES:
        if stage.name == name:
            return stage
    raise KeyError(f"There is no stage {name!r}. There are: {', '.join(s.name for s in STAGES)}.")
