"""TikTok's side of the sandbox: profile, embed and video pages, and the listing of a creator's videos."""

import hashlib
import json
import time
from typing import Any
from urllib.parse import quote

from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.faults import CHALLENGE_HTML
from sandbox.world import DEVELOPER_TOKEN, Creator, Sound, Video, World

_PAGE_SIZE = 15
_WINDOW_MS = 30 * 24 * 3600 * 1000
# (statusCode, statusMsg) of accounts whose videos nobody is shown
_REFUSALS = {
    "private": (10222, "ErrBizUserSecret"),
    "banned": (10202, "user banned"),
    "members_only": (209002, ""),
}
_NO_SUCH_USER = (10221, "user doesn't exist")
_APPLE, _SPOTIFY = 1, 3


async def _profile(request: HttpRequest) -> Response:
    creator = _world(request).creator(request.path_params["handle"])
    if creator and creator.status == "challenge":
        return HTMLResponse(CHALLENGE_HTML)
    if creator and creator.status == "login_wall":
        return RedirectResponse(f"/tiktok/login?lang=en&redirect_url={quote(request.url.path, safe='')}", 302)
    return _page({"webapp.user-detail": _user_detail(creator)})


async def _embed(request: HttpRequest) -> Response:
    creator = _world(request).creator(request.path_params["handle"])
    if creator is None or creator.status not in ("public", "shell"):
        return HTMLResponse("<html><body>Not found</body></html>", 404)
    asked = f"/embed/@{request.path_params['handle']}"
    newest = [{"id": v.id, "desc": v.description, "playCount": v.plays} for v in _newest_first(creator)[:10]]
    embed = {"userInfo": {"uniqueId": creator.handle, "nickname": creator.nickname}, "videoList": newest}
    return _page_with("__FRONTITY_CONNECT_STATE__", {"source": {"data": {asked: embed}}})


async def _video(request: HttpRequest) -> Response:
    creator = _world(request).creator(request.path_params["handle"])
    shown = creator.videos if creator and creator.status not in _REFUSALS else []
    video = next((v for v in shown if v.id == request.path_params["video_id"]), None)
    if creator is None or video is None:
        return _page({"webapp.video-detail": {"statusCode": 10204, "statusMsg": "item doesn't exist"}})
    item = _item(creator, video)
    # pages spell some numbers as text that the API does not
    item["createTime"] = str(video.created)
    item["stats"]["collectCount"] = str(video.collects)
    detail = {"itemInfo": {"itemStruct": item}, "shareMeta": {}, "statusCode": 0, "statusMsg": ""}
    return _page({"webapp.video-detail": detail})


async def _login(request: HttpRequest) -> Response:
    return HTMLResponse("<html><head><title>Log in | TikTok</title></head><body>Log in to TikTok</body></html>")


async def _item_list(request: HttpRequest) -> Response:
    query = request.query_params
    creator = _world(request).creator_of(query.get("secUid", ""))
    try:
        cursor, count = int(query["cursor"]), int(query.get("count", _PAGE_SIZE))
    except (KeyError, ValueError):
        return _json({"statusCode": 10201, "statusMsg": "Invalid parameters"})
    if creator is None:
        return _json({"statusCode": 10201, "statusMsg": "Invalid parameters"})
    if creator.status in _REFUSALS:
        code, message = _REFUSALS[creator.status]
        return _json({"statusCode": code, "statusMsg": message})
    if creator.listing == "empty_body":
        return Response(media_type="application/json")
    newest_ms = max((v.created for v in creator.videos), default=0) * 1000
    if creator.listing == "refused_after_first" and cursor <= newest_ms:
        return HTMLResponse("<html><body>Access Denied</body></html>", 403)
    if creator.listing == "same_page":
        cursor = newest_ms + 1
    page, more = _videos_before(creator, cursor, min(count, _PAGE_SIZE))
    body: dict[str, Any] = {
        "extra": {"fatal_item_ids": [], "logid": _hex(str(cursor))[:34].upper(), "now": int(time.time() * 1000)},
        "hasMorePrevious": more,
        "itemList": [_item(creator, video) for video in page],
        "statusCode": 0,
        "status_code": 0,
        "status_msg": "",
    }
    if not page and more:
        # within a gap the key is missing, not empty
        del body["itemList"]
    return _json(body)


def _videos_before(creator: Creator, cursor_ms: int, count: int) -> tuple[list[Video], bool]:
    """A page of videos, newest first, and whether there are older ones.

    A page reaches 30 days back from the cursor, or from the newest video when the cursor is later than that (so that
    a listing takes as many pages on any day); the pinned videos come first on the first page, and again in their place.
    """
    videos = _newest_first(creator)
    if not videos:
        return [], False
    newest_ms = videos[0].created * 1000
    from_ms = min(cursor_ms, newest_ms + 1)
    older = [v for v in videos if v.created * 1000 < from_ms]
    page = [v for v in older if v.created * 1000 >= from_ms - _WINDOW_MS]
    if cursor_ms > newest_ms:
        pinned = [v for v in videos if v.pinned]
        page = pinned + [v for v in page if v not in pinned]
    page = page[:count]
    return page, any(not page or v.created < page[-1].created for v in older)


def _newest_first(creator: Creator) -> list[Video]:
    return sorted(creator.videos, key=lambda v: v.created, reverse=True)


def _user_detail(creator: Creator | None) -> dict[str, Any]:
    if creator is None or creator.status in ("banned", "members_only"):
        code, message = _REFUSALS[creator.status] if creator else _NO_SUCH_USER
        return {"statusCode": code, "statusMsg": message, "needFix": False}
    if creator.status == "shell":
        return {"userInfo": {}, "statusCode": 0, "statusMsg": "", "needFix": True}
    code, message = _REFUSALS.get(creator.status, (0, ""))
    return {
        "userInfo": {"user": _user(creator), **_creator_stats(creator, "stats", "statsV2"), "itemList": []},
        "shareMeta": {"title": f"{creator.nickname} on TikTok", "desc": f"@{creator.handle}"},
        "statusCode": code,
        "statusMsg": message,
        "needFix": True,
    }


def _user(creator: Creator) -> dict[str, Any]:
    is_private = creator.status == "private"
    avatar = _image(f"avatar {creator.handle}")
    return {
        "id": creator.user_id,
        "uniqueId": creator.handle,
        "nickname": creator.nickname,
        "secUid": creator.sec_uid,
        "signature": "🎶",
        "avatarLarger": avatar,
        "avatarMedium": avatar,
        "avatarThumb": avatar,
        "createTime": creator.created,
        "verified": False,
        "privateAccount": is_private,
        "secret": is_private,
        "ftc": False,
        "relation": 0,
        "openFavorite": False,
        "isEmbedBanned": False,
        "ttSeller": False,
    }


def _creator_stats(creator: Creator, rounded_key: str, exact_key: str) -> dict[str, Any]:
    likes = sum(v.likes for v in creator.videos)
    counts = {
        "followerCount": creator.followers,
        "followingCount": 176,
        "heart": likes,
        "heartCount": likes,
        "videoCount": 0 if creator.status == "private" else len(creator.videos),
        "diggCount": 0,
        "friendCount": 12,
    }
    return _stats(counts, rounded_key, exact_key)


def _stats(counts: dict[str, int], rounded_key: str, exact_key: str) -> dict[str, Any]:
    return {rounded_key: {k: _rounded(n) for k, n in counts.items()}, exact_key: {k: str(n) for k, n in counts.items()}}


def _rounded(number: int) -> int:
    """As TikTok shows it: 427682 is 427.7K, 6764096 is 6.8M."""
    return round(number, -5 if number >= 1_000_000 else -2 if number >= 10_000 else 0)


def _item(creator: Creator, video: Video) -> dict[str, Any]:
    counts = {
        "playCount": video.plays,
        "diggCount": video.likes,
        "commentCount": video.comments,
        "shareCount": video.shares,
        "collectCount": video.collects,
    }
    tags = [word.lstrip("#") for word in video.description.split() if word.startswith("#")]
    item: dict[str, Any] = {
        "id": video.id,
        "desc": video.description,
        "createTime": video.created,
        "author": _user(creator),
        **_creator_stats(creator, "authorStats", "authorStatsV2"),
        **_stats(counts, "stats", "statsV2"),
        "music": _music(video.sound) if video.sound else {},
        "video": {
            "id": video.id,
            "duration": 0 if video.images else 34,
            "height": 1024,
            "width": 576,
            "ratio": "540p",
            "cover": _image(f"cover {video.id}"),
            "playAddr": "" if video.images else _media(f"play {video.id}"),
        },
        "challenges": [{"id": str(int(_hex(tag)[:8], 16)), "title": tag, "desc": ""} for tag in tags],
        "textExtra": [{"hashtagName": tag, "type": 1, "isCommerce": False} for tag in tags],
        "contents": [{"desc": video.description}],
        "isAd": False,
        "isPinnedItem": video.pinned,
        "originalItem": False,
        "officalItem": False,
        "privateItem": False,
        "secret": False,
        "forFriend": False,
        "shareEnabled": True,
        "duetEnabled": True,
        "stitchEnabled": True,
        "IsAigc": False,
        "CategoryType": 120,
        "diversificationId": 10003,
    }
    item["statsV2"]["repostCount"] = "0"
    if int(video.id) % 2:
        item["stats"]["collectCount"] = str(item["stats"]["collectCount"])
    if video.images:
        pictures = [{"imageURL": {"urlList": [_image(f"{video.id} {n}")]}} for n in range(video.images)]
        item["imagePost"] = {"images": pictures, "title": ""}
    return item


def _music(sound: Sound) -> dict[str, Any]:
    music: dict[str, Any] = {
        "id": sound.id,
        "title": sound.title,
        "authorName": sound.author,
        "original": sound.original,
        "private": False,
        "duration": sound.duration,
        "playUrl": _media(f"sound {sound.id}"),
        "coverLarge": _image(f"sound {sound.id}"),
        "coverMedium": _image(f"sound {sound.id}"),
        "coverThumb": _image(f"sound {sound.id}"),
    }
    if sound.album:
        music["album"] = sound.album
    if sound.copyrighted is not None:
        music["isCopyrighted"] = sound.copyrighted
    if sound.links == "empty":
        music["tt2dsp"] = {}
    elif sound.links != "absent":
        music["tt2dsp"] = {"tt_to_dsp_song_infos": _song_links(sound)}
    return music


def _song_links(sound: Sound) -> list[dict[str, Any]]:
    platform_key, id_key = ("Platform", "SongId") if sound.links == "capitals" else ("platform", "song_id")
    entries: list[dict[str, Any]] = []
    for platform, song_id in ((_APPLE, sound.apple_id), (_SPOTIFY, sound.spotify_id)):
        if song_id is None:
            continue
        entry: dict[str, Any] = {
            platform_key: str(platform) if sound.links == "capitals" else platform,
            id_key: song_id,
            "meta_song_id": sound.id,
        }
        if platform == _APPLE:
            entry["token"] = {"apple_music_token": {"developer_token": DEVELOPER_TOKEN}}
        entries.append(entry)
    return entries[::-1] if sound.links == "spotify_first" else entries


def _image(of: str) -> str:
    return (
        f"https://p16-sign.tiktokcdn.com/tos-alisg-p-0037/{_hex(of)}~tplv-photomode-image.jpeg"
        f"?x-expires=1790000000&x-signature={_hex('signature ' + of)}%3D"
    )


def _media(of: str) -> str:
    return (
        f"https://v16-webapp-prime.tiktok.com/video/tos/alisg/{_hex(of)}/"
        f"?a=1988&mime_type=video_mp4&expire=1790000000&signature={_hex('signature ' + of)}&tk=tt_chain_token"
    )


def _hex(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:40]


def _page(scope: dict[str, Any]) -> Response:
    context = {"webapp.app-context": {"language": "en", "region": "IT", "appId": 1988}}
    return _page_with("__UNIVERSAL_DATA_FOR_REHYDRATION__", {"__DEFAULT_SCOPE__": {**context, **scope}})


def _page_with(script_id: str, data: dict[str, Any]) -> Response:
    # no text in the data may end the script
    text = json.dumps(data).replace("<", "\\u003c").replace("/", "\\u002F")
    script = f'<script id="{script_id}" type="application/json">{text}</script>'
    return HTMLResponse(f"<!DOCTYPE html><html><head><title>TikTok</title></head><body>{script}</body></html>")


def _json(body: dict[str, Any]) -> Response:
    # escaped: half a surrogate pair has no bytes in UTF-8
    return Response(json.dumps(body), media_type="application/json; charset=utf-8")


def _world(request: HttpRequest) -> World:
    world: World = request.app.state.world
    return world


ROUTES = [
    Route("/login", _login),
    Route("/embed/@{handle}", _embed),
    Route("/@{handle}", _profile),
    Route("/@{handle}/video/{video_id}", _video),
    Route("/api/creator/item_list/", _item_list),
]
