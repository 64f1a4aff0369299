"""Faults that the sandbox commits on request, before or instead of its answer."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

Kind = Literal[
    "status",  # `status` with `headers` and `body`
    "json",  # 200 with `body` as JSON
    "empty",  # 200 without a body
    "html",  # 200 with TikTok's challenge page
    "truncated",  # the connection closes in the middle of the body
    "drop",  # the connection closes without an answer
    "hang",  # no answer for `seconds`, then as `drop`
    # the last three change nothing but answers to `?ids=`
    "reorder",  # Spotify's batch in reverse order
    "fewer",  # Spotify's batch without its first entry
    "doubled",  # Spotify's batch with its first entry twice
]
_BATCH_KINDS = ("reorder", "fewer", "doubled")

# what a browser would have to solve; a plain client finds no data in it
CHALLENGE_HTML = """<!DOCTYPE html><html><head><title>Please wait...</title></head><body>
<p>Please wait...</p><p id="cs" class="c2FuZGJveA"></p><p id="wci" class="d2NpLXNhbmRib3g"></p>
</body></html>"""


@dataclass
class Fault:
    """One fault.

    Attributes:
        service: `tiktok`, `spotify` or `spotify-accounts`.
        kind: what goes wrong.
        path: regular expression, searched in the service's path and query (`/v1/tracks?ids=...`); "" finds every one.
        times: how many requests it meets; None means all.
        after: how many matching requests pass unharmed before.
        status, headers, body: the answer of `status`; `body` is text, or what becomes JSON. Also the body of `json`.
        seconds: how long `hang` says nothing.
    """

    service: str
    kind: Kind
    path: str = ""
    times: int | None = 1
    after: int = 0
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = ""
    seconds: float = 30

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"No such kind of fault: {self.kind!r}.")
        self._pattern = re.compile(self.path)

    def meets(self, service: str, target: str) -> bool:
        """Whether this fault is for the request; counts it if so."""
        if service != self.service or self.times == 0 or not self._pattern.search(target):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def answer(self) -> ASGIApp | None:
        """What answers instead of the service, or None when the fault only changes the service's answer."""
        if self.kind in _BATCH_KINDS:
            return None
        if self.kind == "truncated":
            return _truncate
        if self.kind == "drop":
            return _drop
        if self.kind == "hang":
            return self._hang
        if self.kind == "html":
            return HTMLResponse(CHALLENGE_HTML)
        if self.kind == "empty":
            return Response(media_type="application/json")
        status = 200 if self.kind == "json" else self.status
        if self.kind == "status" and isinstance(self.body, str):
            return Response(self.body, status, self.headers, media_type="text/plain")
        return Response(json.dumps(self.body), status, self.headers, media_type="application/json")

    def rearrange(self, batch: list[Any]) -> list[Any]:
        """The entries of a batch answer as this fault leaves them."""
        if self.kind == "reorder":
            return batch[::-1]
        if self.kind == "fewer":
            return batch[1:]
        if self.kind == "doubled":
            return batch[:1] + batch
        return batch

    async def _hang(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.wait_for(_client_is_gone(receive), self.seconds)
        except TimeoutError:
            await _drop(scope, receive, send)


class Faults:
    """The faults to commit, consulted for every request in the order in which they were added."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(list(self._faults))

    def add(self, service: str, kind: Kind, path: str = "", **options: Any) -> Fault:
        """Add `Fault(service, kind, path, **options)` and return it."""
        fault = Fault(service, kind, path, **options)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Commit no fault any more."""
        self._faults.clear()

    def take(self, service: str, target: str) -> Fault | None:
        """The fault that this request (`target` is its path and query) meets, or None."""
        return next((fault for fault in self if fault.meets(service, target)), None)


async def _truncate(scope: Scope, receive: Receive, send: Send) -> None:
    # the server closes the connection of an answer that ends before its length
    headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"statusCode":0,"itemList":[{"id":"7', "more_body": True})


async def _drop(scope: Scope, receive: Receive, send: Send) -> None:
    scope["state"]["transport"].close()
    await _client_is_gone(receive)


async def _client_is_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
