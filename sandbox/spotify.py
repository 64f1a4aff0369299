"""Spotify's side of the sandbox: access tokens, tracks and artists."""

import base64
import re
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox.faults import Fault
from sandbox.world import CLIENT_ID, CLIENT_SECRET, Track, World, base62

_BATCH = 50
_ID = re.compile(r"[0-9A-Za-z]{22}")
_MARKETS = ["AT", "CH", "DE", "FR", "GB", "IT", "JP", "LV", "US"]
_PREMIUM_WANTED = (
    "Active premium subscription required for the owner of the app. When the subscription status changes, it can take "
    "a few hours before requests are allowed again."
)


async def _token(request: HttpRequest) -> Response:
    basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    if request.headers.get("authorization") != f"Basic {basic}":
        return JSONResponse({"error": "invalid_client", "error_description": "Invalid client"}, 400)
    form = parse_qs((await request.body()).decode())
    if form.get("grant_type") != ["client_credentials"]:
        return JSONResponse({"error": "unsupported_grant_type", "error_description": "grant_type is wrong"}, 400)
    world: World = request.app.state.world
    return JSONResponse({"access_token": world.issue_token(), "token_type": "Bearer", "expires_in": 3600})


async def _several(request: HttpRequest) -> Response:
    world: World = request.app.state.world
    if refusal := _refusal(request, world):
        return refusal
    if not world.spotify_may_batch:
        return _error(403, "Forbidden")
    ids = request.query_params.get("ids", "").split(",")
    if len(ids) > _BATCH:
        return _error(400, "too many ids")
    if not all(_ID.fullmatch(i) for i in ids):
        return _error(400, "invalid id")
    collection = request.path_params["collection"]
    entries = [_object(world, collection, i) for i in ids]
    fault: Fault | None = request.scope.get("fault")
    return JSONResponse({collection: fault.rearrange(entries) if fault else entries})


async def _single(request: HttpRequest) -> Response:
    world: World = request.app.state.world
    if refusal := _refusal(request, world):
        return refusal
    spotify_id = request.path_params["spotify_id"]
    if not _ID.fullmatch(spotify_id):
        return _error(400, "invalid id")
    found = _object(world, request.path_params["collection"], spotify_id)
    return JSONResponse(found) if found else _error(404, "Resource not found")


def _refusal(request: HttpRequest, world: World) -> Response | None:
    """What Spotify answers to an app that may not ask at all, or None."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer":
        return _error(401, "No token provided")
    if not world.accepts(token):
        return _error(401, "The access token expired")
    if not world.spotify_has_premium:
        return PlainTextResponse(_PREMIUM_WANTED, 403)
    return None


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": {"status": status, "message": message}}, status)


def _object(world: World, collection: str, spotify_id: str) -> dict[str, Any] | None:
    if collection == "tracks" and spotify_id in world.tracks:
        return _track_object(world.tracks[spotify_id])
    if collection == "artists" and spotify_id in world.artists:
        return _artist_object(world, spotify_id)
    return None


def _artist_object(world: World, artist_id: str) -> dict[str, Any]:
    artist = world.artists[artist_id]
    picture = f"https://i.scdn.co/image/ab676161{base62(artist.name)}"
    always = {
        "images": [{"height": size, "url": f"{picture}{size}", "width": size} for size in (640, 320, 160)],
        **_named("artist", artist_id, artist.name),
    }
    if not world.spotify_may_batch:
        # an app in development mode is shown no more than this
        return always
    followers = {"href": None, "total": artist.followers}
    return {**always, "followers": followers, "genres": list(artist.genres), "popularity": artist.popularity}


def _track_object(track: Track) -> dict[str, Any]:
    artists = [_named("artist", artist_id, name) for artist_id, name in track.artists]
    cover = f"https://i.scdn.co/image/ab67616d{base62(track.album)}"
    return {
        "album": {
            **_named("album", base62(f"{track.artists[0][1]} {track.album}"), track.album),
            "album_type": "album",
            "artists": artists[:1],
            "available_markets": _MARKETS,
            "images": [{"height": size, "url": f"{cover}{size}", "width": size} for size in (640, 300, 64)],
            "release_date": track.release_date,
            "release_date_precision": track.precision,
            "total_tracks": 12,
        },
        "artists": artists,
        "available_markets": _MARKETS,
        "disc_number": 1,
        "duration_ms": track.duration_ms,
        "explicit": False,
        "external_ids": {"isrc": track.isrc} if track.isrc else {},
        "is_local": False,
        "popularity": track.popularity,
        "preview_url": None,
        "track_number": 1,
        **_named("track", track.id, track.title),
    }


def _named(kind: str, spotify_id: str, name: str) -> dict[str, Any]:
    """What every object of Spotify has."""
    return {
        "external_urls": {"spotify": f"https://open.spotify.com/{kind}/{spotify_id}"},
        "href": f"https://api.spotify.com/v1/{kind}s/{spotify_id}",
        "id": spotify_id,
        "name": name,
        "type": kind,
        "uri": f"spotify:{kind}:{spotify_id}",
    }


ACCOUNTS_ROUTES = [Route("/api/token", _token, methods=["POST"])]
API_ROUTES = [
    Route("/v1/{collection}", _several),
    Route("/v1/{collection}/{spotify_id}", _single),
]
