"""One dlt source a service, all of one shape: keys in, a `Lookup` out for every key, StageEndedError ends the stage.

A source is iterated by `pipelines.load.load`, which hands dlt finished chunks: what a resource has fetched when an
exception comes would be lost if dlt pulled it itself.
"""

from collections.abc import Callable

from dlt.extract import DltSource

from pipelines.http import Client
from pipelines.settings import Settings
from pipelines.sources.spotify import SpotifyApp, spotify
from pipelines.stages import Service


def open_sources(service: Service, client: Client, settings: Settings) -> dict[str, Callable[[list[str]], DltSource]]:
    """Stage name -> what makes a source of keys, for every stage of `service`; a run's sources share one access."""
    if service.name == "spotify":
        app = SpotifyApp(client, settings)
        return {
            "spotify-tracks": lambda keys: spotify(app, "tracks", keys),
            "spotify-artists": lambda keys: spotify(app, "artists", keys),
        }
    raise KeyError(service.name)
