"""TikTok: a creator's profile and videos, as the web pages and their unsigned listing API give them to any client.

An empty or foreign answer is never taken for "has no videos": what is not the expected JSON is `blocked`, pages that
were read before it are kept, and the listing says how far it got.
"""

import json
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import dlt
from dlt.sources import DltResource

from pipelines.http import Answer, Client, StageEndedError
from pipelines.lookup import Lookup, Outcome
from pipelines.queue import KnownListing

PROFILES, LISTINGS, VIDEOS = "tiktok_profiles", "tiktok_listings", "tiktok_videos"

_PAGE_SIZE = 15
_WEEK_MS = 7 * 24 * 3600 * 1000
# TikTok had no videos before (2016-09-01)
_OLDEST_MS = 1_472_706_000_000
# the same page again and again is TikTok's answer to a device id that it does not like
_SAME_PAGE_TRIES = 3
# fewer rows than one chunk of load(): a killed run repeats no more than these pages
_PAGES_BETWEEN_CHECKPOINTS = 20
_SCRIPT = re.compile(
    r'<script[^>]+id="(?:__UNIVERSAL_DATA_FOR_REHYDRATION__|__FRONTITY_CONNECT_STATE__)"[^>]*>(.*?)</script>', re.DOTALL
)

# statusCode of the profile page -> what it says; every other code but 0 is an error
_PROFILE_CODES = {
    10202: "banned or deleted (10202)",
    10221: "no such account (10221)",
    10222: "private (10222)",
    209002: "shown to logged-in visitors only (209002)",
}


@dlt.source(name="tiktok")
def tiktok(
    client: Client,
    handle: str,
    *,
    limit: int | None = None,
    full: bool = False,
    known: KnownListing | None = None,
    cookie: str | None = None,
) -> DltResource:
    """One creator: a profile lookup, then (if it may be read) video lookups, newest first, and one listing lookup.

    Reading stops at `limit` videos, or where a page holds nothing that is new or was posted within the last week, and
    nothing older is unread; if the last listing broke off, it goes on there. `full` reads to the end.
    """
    lookups = _Creator(client, handle, limit, full, known or KnownListing(), cookie).lookups()
    return dlt.resource(lookups, name="tiktok_creator")


@dlt.source(name="tiktok_files")
def tiktok_files(paths: Iterable[Path], problems: list[str]) -> DltResource:
    """TikTok items that somebody fetched in another way, from JSON or JSON-lines files and folders of them.

    Understands item_list and search answers, bare lists of items, rehydration JSON of pages, single items and one item
    a line. What can't be read is appended to `problems`, one sentence a file, and the rest goes on.
    """
    return dlt.resource(_file_lookups(paths, problems), name="tiktok_items")


@dataclass
class _Listing:
    """How far the reading of one creator's videos has got, and (at last) why it ended."""

    cursor: int
    pages: int = 0
    seen: set[str] = field(default_factory=set)
    new: int = 0
    at_settled_video: bool = False
    ended: str = "reading"
    outcome: Outcome = "found"
    answer: Answer | None = None

    def end(self, ended: str, outcome: Outcome = "found") -> None:
        self.ended, self.outcome = ended, outcome


@dataclass
class _Creator:
    client: Client
    handle: str
    limit: int | None
    full: bool
    known: KnownListing
    cookie: str | None

    def lookups(self) -> Iterator[Lookup]:
        profile = self._profile()
        yield profile
        if profile.outcome == "blocked":
            raise StageEndedError("blocked", profile.error or "TikTok refused the request.")
        user = _profile_user(profile.payload) if profile.outcome == "found" else {}
        if user.get("secUid") and not _is_private(profile.payload):
            yield from self._videos(str(user["secUid"]), _created_ms(user), _video_count(profile.payload))

    def _get(self, path: str, **params: Any) -> Answer:
        return self.client.ask(path, params=params, headers={"cookie": self.cookie} if self.cookie else None)

    def _profile(self) -> Lookup:
        answer = self._get(f"/@{quote(self.handle)}")
        scope = page_data(answer.text)
        detail = scope.get("webapp.user-detail") if scope else None
        if refusal := _page_refusal(answer, scope):
            return self._profile_lookup(answer, *refusal)
        if not isinstance(detail, dict):
            return self._profile_lookup(answer, "error", "The page says nothing of the creator.")
        code = _integer(detail.get("statusCode"))
        if code == 0 and not _profile_user(detail).get("secUid"):
            # the page's shell without its data; the page for embedding names a video, whose page names the creator
            return self._embedded_profile(detail)
        if code in (0, 10222):
            return self._profile_lookup(answer, "found", None, detail)
        if code in _PROFILE_CODES:
            return self._profile_lookup(answer, "not_found", _PROFILE_CODES[code], detail)
        return self._profile_lookup(answer, "error", f"TikTok's status {detail.get('statusCode')!r}", detail)

    def _embedded_profile(self, detail: dict[str, Any]) -> Lookup:
        answer = self._get(f"/embed/@{quote(self.handle)}")
        state = page_data(answer.text)
        if refusal := _page_refusal(answer, state):
            return self._profile_lookup(answer, *refusal)
        embed = _path(state, "source", "data", f"/embed/@{self.handle}")
        video_id = next(
            (str(v["id"]) for v in _path(embed, "videoList") or [] if isinstance(v, dict) and "id" in v), None
        )
        if video_id is None:
            return self._profile_lookup(
                answer, "error", "Neither the profile page nor the embed page names the creator."
            )
        answer = self._get(f"/@{quote(self.handle)}/video/{quote(video_id)}")
        scope = page_data(answer.text)
        if refusal := _page_refusal(answer, scope):
            return self._profile_lookup(answer, *refusal)
        item = _path(scope, "webapp.video-detail", "itemInfo", "itemStruct")
        if not _path(item, "author", "secUid"):
            return self._profile_lookup(answer, "error", "The video's page does not name the creator.")
        return self._profile_lookup(answer, "found", None, {**detail, "embed": embed, "itemStruct": item})

    def _profile_lookup(self, answer: Answer, outcome: Outcome, error: str | None, payload: Any = None) -> Lookup:
        return answer.lookup(PROFILES, self.handle, outcome, payload, error)

    def _videos(self, sec_uid: str, oldest: int, expected: int) -> Iterator[Lookup]:
        """Page through the listing. Its own lookup comes every few pages, as a point to go on from, and at the end."""
        listing = _Listing(cursor=int(datetime.now(UTC).timestamp() * 1000))
        refused: StageEndedError | None = None
        try:
            for page in self._pages(sec_uid, listing, oldest, expected):
                yield from page
                if listing.pages % _PAGES_BETWEEN_CHECKPOINTS == 0:
                    yield self._listing_lookup(sec_uid, listing)
        except StageEndedError as error:
            listing.end(str(error), "blocked")
            refused = error
        yield self._listing_lookup(sec_uid, listing)
        if listing.outcome == "blocked":
            raise refused or StageEndedError("blocked", listing.ended)

    def _listing_lookup(self, sec_uid: str, listing: _Listing) -> Lookup:
        complete = listing.ended in ("end", "nothing new") or (
            # what is new has been read, and what is older was read before
            listing.ended == "limit" and listing.at_settled_video
        )
        payload = {
            "handle": self.handle,
            "pages": listing.pages,
            "videos": len(listing.seen),
            "new_videos": listing.new,
            "complete": complete,
            "ended": listing.ended,
            "resume_cursor": None if complete else listing.cursor,
        }
        error = None if listing.outcome == "found" else listing.ended
        if listing.answer is None:
            return Lookup(LISTINGS, sec_uid, listing.outcome, payload, error=error)
        return listing.answer.lookup(LISTINGS, sec_uid, listing.outcome, payload, error)

    def _pages(self, sec_uid: str, listing: _Listing, oldest: int, expected: int) -> Iterator[list[Lookup]]:
        """Ask page after page until `listing.ended` says why not; yields the videos of each."""
        device_id, same_page, previous = _device_id(), 0, frozenset[str]()
        # the numbers of a young video still move: its page is read though nothing on it is new
        refresh_from = listing.cursor - _WEEK_MS
        while True:
            listing.answer = answer = self._get(
                "/api/creator/item_list/", **_listing_parameters(sec_uid, listing.cursor, device_id)
            )
            body = answer.data
            if refusal := _api_refusal(answer, body):
                outcome, why = refusal
                return listing.end(why, outcome)
            items = [item for item in body.get("itemList") or [] if _is_item(item) and _is_by(item, sec_uid)]
            ids = frozenset(str(item["id"]) for item in items)
            if ids and ids == previous:
                same_page += 1
                if same_page >= _SAME_PAGE_TRIES:
                    return listing.end("TikTok answers the same page again and again.", "error")
                device_id = _device_id()
                continue
            same_page, previous = 0, ids or previous
            listing.pages += 1
            new_before = listing.new
            yield list(self._new_in_listing(items, listing))
            oldest_on_page = _created_ms(items[-1]) if items else 0
            # an empty page is a gap between posts, not the end: walk back a week
            moves = 0 < oldest_on_page < listing.cursor
            next_cursor = oldest_on_page if moves else listing.cursor - _WEEK_MS
            is_last = not body.get("hasMorePrevious") or next_cursor < max(_OLDEST_MS, oldest)
            if is_last and ids <= listing.seen:
                if not listing.seen and (expected or self.known.known):
                    return listing.end("TikTok's listing is empty, though the creator has videos.", "error")
                return listing.end("end")
            if self.limit is not None and len(listing.seen) >= self.limit:
                return listing.end("limit")
            listing.cursor = next_cursor
            if self.full or not ids or listing.new > new_before or next_cursor > refresh_from:
                continue
            if ids <= self.known.settled:
                return listing.end("nothing new")
            if self.known.resume_cursor:
                # what lies between was read before; go on where the last listing broke off
                listing.cursor = min(listing.cursor, self.known.resume_cursor)

    def _new_in_listing(self, items: list[dict[str, Any]], listing: _Listing) -> Iterator[Lookup]:
        answer = listing.answer
        for item in items:
            video_id = str(item["id"])
            if video_id in listing.seen:
                continue
            if self.limit is not None and len(listing.seen) >= self.limit:
                return
            listing.seen.add(video_id)
            listing.new += video_id not in self.known.known
            listing.at_settled_video = video_id in self.known.settled
            if answer:
                yield answer.lookup(VIDEOS, video_id, "found", item)


def page_data(html: str) -> dict[str, Any] | None:
    """The JSON that a TikTok page carries for its scripts (without `__DEFAULT_SCOPE__`), or None when there is none."""
    found = _SCRIPT.search(html)
    if not found:
        return None
    try:
        data = json.loads(found[1])
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    scope = data.get("__DEFAULT_SCOPE__", data)
    return scope if isinstance(scope, dict) else None


def _page_refusal(answer: Answer, data: Any) -> tuple[Outcome, str] | None:
    """(outcome, why) when a page is not what was asked for, else None."""
    if answer.status is None or answer.status >= 500 or answer.status == 429:
        return "error", answer.describe()
    if urlsplit(answer.url).path.startswith("/login") or "/login?" in answer.url:
        return "blocked", "TikTok sends the request to its login page; set TIKTOK_COOKIE or import items from a file."
    if answer.status == 403:
        return "blocked", "TikTok refuses this client or its address (HTTP 403); import items from a file instead."
    if data is None and answer.status == 404:
        # TikTok says "no such account" in the page's data; a bare 404 may be anything
        return "error", "There is no such page (HTTP 404)."
    if data is None:
        return "blocked", (
            f"TikTok answered a page without data (HTTP {answer.status}, a challenge or an empty page); try later, set "
            "TIKTOK_COOKIE or import items from a file."
        )
    return None


def _api_refusal(answer: Answer, body: Any) -> tuple[Outcome, str] | None:
    """(outcome, why) when a listing answer is not a page of items, else None."""
    if answer.status is None or answer.status >= 500 or answer.status == 429:
        return "error", answer.describe()
    if answer.status == 403:
        return "blocked", "TikTok refuses this client or its address (HTTP 403); try later or import items from a file."
    if not isinstance(body, dict):
        what = "an empty answer" if not answer.text.strip() else "something that is not JSON"
        return "blocked", f"TikTok answered {what} (HTTP {answer.status}); the creator's videos stay unread, try later."
    if _integer(body.get("code")) == 10000:
        return "blocked", "TikTok asks for a captcha (10000); try later or import items from a file."
    code = _integer(body.get("statusCode", body.get("status_code", 0)))
    if answer.status != 200 or code != 0:
        refused = answer.status == 401 or code in (10102, 10204, 10231)
        return "blocked" if refused else "error", f"TikTok refuses the listing (HTTP {answer.status}, status {code})."
    if not isinstance(body.get("itemList") or [], list):
        return "error", "TikTok's listing has another shape than expected."
    return None


def _listing_parameters(sec_uid: str, cursor: int, device_id: str) -> dict[str, Any]:
    """What the listing API wants to be told. Nothing in it claims to be a browser."""
    return {
        "aid": 1988,
        "app_language": "en",
        "app_name": "tiktok_web",
        "channel": "tiktok_web",
        "count": _PAGE_SIZE,
        "cursor": cursor,
        "device_id": device_id,
        "device_platform": "web_pc",
        "from_page": "user",
        "language": "en",
        "secUid": sec_uid,
        "type": 1,
    }


def _device_id() -> str:
    """A number in the range in which TikTok hands them out; a visit without cookies has none of its own."""
    return str(random.randint(7_250_000_000_000_000_000, 7_325_099_899_999_994_577))  # noqa: S311


def _profile_user(detail: Any) -> dict[str, Any]:
    user = _path(detail, "userInfo", "user") or _path(detail, "itemStruct", "author")
    return user if isinstance(user, dict) else {}


def _is_private(detail: Any) -> bool:
    # with a cookie that follows the creator the page of a private account still says 10222, and counts its videos
    private = _integer(_path(detail, "statusCode")) == 10222 or bool(_profile_user(detail).get("privateAccount"))
    return private and not _video_count(detail)


def _video_count(detail: Any) -> int:
    info = _path(detail, "userInfo")
    return _integer(_path(info, "statsV2", "videoCount") or _path(info, "stats", "videoCount"))


def _is_item(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("id"), str | int)
        and str(value["id"]).isascii()
        and str(value["id"]).isdigit()
        and any(part in value for part in ("author", "music", "video", "createTime"))
    )


def _is_by(item: dict[str, Any], sec_uid: str) -> bool:
    return (_path(item, "author", "secUid") or sec_uid) == sec_uid


def _created_ms(thing: dict[str, Any]) -> int:
    """`createTime` (seconds, a number or a numeric text) in milliseconds; 0 when there is none."""
    return _integer(thing.get("createTime")) * 1000


def _integer(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return 0


def _path(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _file_lookups(paths: Iterable[Path], problems: list[str]) -> Iterator[Lookup]:
    for path in paths:
        files = (
            sorted(f for f in path.rglob("*") if f.suffix in (".json", ".jsonl", ".ndjson"))
            if path.is_dir()
            else [path]
        )
        if not files:
            problems.append(f"{path}: no .json, .jsonl or .ndjson file in this folder.")
        for file in files:
            try:
                documents = _documents(file)
                lookups = [lookup for document in documents for lookup in _document_lookups(document, file)]
            except (OSError, ValueError, RecursionError) as error:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                problems.append(f"{file}: {reason or type(error).__name__}.")
                continue
            if not lookups and not any(_is_empty_listing(document) for document in documents):
                problems.append(f"{file}: no TikTok item and no profile in it.")
            yield from lookups


def _documents(file: Path) -> list[Any]:
    """The JSON documents of a file: one, or one a line."""
    text = file.read_text(encoding="utf-8-sig")
    if not text.strip():
        raise ValueError("the file is empty")
    try:
        return [json.loads(text)]
    except json.JSONDecodeError as error:
        # not splitlines(): a description may hold U+2028 and its like
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) < 2:
            raise ValueError(f"not JSON (line {error.lineno}: {error.msg})") from None
    documents = []
    for number, line in enumerate(lines, start=1):
        try:
            documents.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise ValueError(f"neither JSON nor JSON lines (line {number}: {error.msg})") from None
    return documents


def _document_lookups(document: Any, file: Path) -> Iterator[Lookup]:
    seen_at = _seen_at(document, file)
    scope = document.get("__DEFAULT_SCOPE__", document) if isinstance(document, dict) else document
    profile = _path(scope, "webapp.user-detail") or (scope if isinstance(_path(scope, "userInfo"), dict) else None)
    handle = _path(profile, "userInfo", "user", "uniqueId")
    if isinstance(handle, str) and handle:
        yield Lookup(PROFILES, handle.lower(), "found", profile, answered_at=seen_at)
    for item in _items(scope):
        yield Lookup(VIDEOS, str(item["id"]), "found", item, answered_at=seen_at)


def _seen_at(document: Any, file: Path) -> datetime:
    """When TikTok made the answer, if it says so, else the file's time.

    An old export must not overwrite what was scraped since.
    """
    said = _integer(_path(document, "extra", "now")) / 1000
    seconds = said if _OLDEST_MS / 1000 < said < datetime.now(UTC).timestamp() else file.stat().st_mtime
    return datetime.fromtimestamp(seconds, UTC)


def _items(document: Any) -> Iterator[dict[str, Any]]:
    """Every item of a document, in whichever of the known wrappings it comes."""
    if isinstance(document, list):
        for entry in document:
            yield from _items(entry)
    elif _is_item(document):
        yield document
    elif isinstance(document, dict):
        for wrapping in ("itemList", "item_list", "data", "item", "itemInfo", "itemStruct", "webapp.video-detail"):
            yield from _items(document.get(wrapping))


def _is_empty_listing(document: Any) -> bool:
    return isinstance(document, dict) and document.get("itemList") == []
