"""Spotify Web API: tracks and artists by id, 50 a request where the app may batch, one a request where it may not.

Since March 2026 an app in development mode is refused the batch endpoints (403 "Forbidden") but may ask for single ids;
an app whose owner has no Premium is refused everything (403 in plain text).
"""

import base64
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, Literal

import dlt
from dlt.sources import DltResource

from pipelines.http import Answer, Client, StageEndedError
from pipelines.lookup import Lookup, Outcome
from pipelines.settings import Settings

_BATCH = 50
# so many single requests under way hide the latency of one at Spotify's pace
_OVERLAP = 4
# so many batches in a row without any answer: the service is down, not the keys
_FAILED_BATCHES = 2
_ID = re.compile(r"[0-9A-Za-z]{22}")


class SpotifyApp:
    """One app's access: its client and token, and what was learnt about what it may do."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self.may_batch = True
        self._client = client
        self._settings = settings
        self._token: str | None = None
        self._lock = Lock()

    def sign_in(self) -> None:
        """Fetch a token if there is none; StageEndedError when Spotify gives none."""
        self._fresh_token()

    def get(self, path: str, params: dict[str, str] | None = None, attempts: int | None = None) -> Answer:
        """Ask the API, with a new token after one 401; StageEndedError when Spotify refuses the app as a whole."""
        token = self._fresh_token()
        answer = self._ask(path, params, token, attempts)
        if answer.status == 401:
            answer = self._ask(path, params, self._fresh_token(instead_of=token), attempts)
            if answer.status == 401:
                raise StageEndedError("needs_credentials", f"Spotify refuses the new token too ({answer.describe()}).")
        if answer.status == 403 and "premium" in answer.text.lower():
            raise StageEndedError("needs_credentials", "Spotify wants Premium of the owner of the app (HTTP 403).")
        return answer

    def _ask(self, path: str, params: dict[str, str] | None, token: str, attempts: int | None) -> Answer:
        return self._client.ask(path, params=params, headers={"authorization": f"Bearer {token}"}, attempts=attempts)

    def _fresh_token(self, instead_of: str | None = None) -> str:
        with self._lock:
            if self._token is None or self._token == instead_of:
                self._token = self._request_token()
            return self._token

    def _request_token(self) -> str:
        client_id, client_secret = self._settings.spotify_client_id, self._settings.spotify_client_secret
        if client_id is None or client_secret is None:
            raise StageEndedError("needs_credentials", "SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET are not set.")
        basic = base64.b64encode(f"{client_id.get_secret_value()}:{client_secret.get_secret_value()}".encode()).decode()
        answer = self._client.ask(
            "/api/token",
            method="POST",
            base_url=str(self._settings.spotify_accounts_url),
            form={"grant_type": "client_credentials"},
            headers={"authorization": f"Basic {basic}"},
        )
        token = answer.data.get("access_token") if isinstance(answer.data, dict) else None
        if answer.status in (400, 401, 403):
            raise StageEndedError(
                "needs_credentials", "Spotify does not know SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET (no token)."
            )
        if not isinstance(token, str):
            raise StageEndedError("blocked", f"Spotify gives no token ({answer.describe()}).")
        self._client.secrets += [basic, token]
        return token


@dlt.source(name="spotify")
def spotify(app: SpotifyApp, collection: Literal["tracks", "artists"], ids: Iterable[str]) -> DltResource:
    """One lookup in `spotify_tracks` or `spotify_artists` for every id asked; the payload is Spotify's object."""
    table = f"spotify_{collection}"
    return dlt.resource(_lookups(app, list(ids), table, collection), name=table)


def _lookups(app: SpotifyApp, ids: list[str], table: str, collection: str) -> Iterator[Lookup]:
    askable = [i for i in ids if _ID.fullmatch(i)]
    for malformed in sorted(set(ids) - set(askable)):
        yield Lookup(table, malformed, "invalid", error="A Spotify id has 22 letters and digits.")
    failed_batches = 0
    for start in range(0, len(askable), _BATCH):
        outcomes = set()
        for lookup in _ask_batch(app, askable[start : start + _BATCH], table, collection):
            outcomes.add(lookup.outcome)
            yield lookup
        failed_batches = failed_batches + 1 if outcomes == {"error"} else 0
        if failed_batches == _FAILED_BATCHES:
            raise StageEndedError("failed", f"Spotify answers with nothing but errors: {lookup.error}")


def _ask_batch(app: SpotifyApp, ids: list[str], table: str, collection: str) -> Iterator[Lookup]:
    """Ask together if the app may, then alone for what that left open: one id that fails must not fail 49 others."""
    unanswered = set(ids)
    if app.may_batch:
        for lookup in _ask_together(app, ids, table, collection):
            unanswered.remove(lookup.key)
            yield lookup
    # what failed together has been tried again and again already
    attempts = 1 if app.may_batch else None
    with ThreadPoolExecutor(_OVERLAP) as pool:
        alone = [i for i in ids if i in unanswered]
        yield from pool.map(lambda key: _ask_alone(app, key, table, collection, attempts), alone)


def _ask_together(app: SpotifyApp, ids: list[str], table: str, collection: str) -> Iterator[Lookup]:
    """One request for up to 50 ids. Answers are joined by id, never by position; what can't be told is not yielded."""
    answer = app.get(f"/v1/{collection}", {"ids": ",".join(ids)})
    if answer.status == 403:
        app.may_batch = False
        return
    entries = answer.data.get(collection) if isinstance(answer.data, dict) else None
    if answer.status is None:
        for key in ids:
            yield answer.lookup(table, key, "error", error=answer.describe())
    if answer.status != 200 or not isinstance(entries, list):
        return
    by_id: dict[str, Any] = {}
    for entry in (e for e in entries if isinstance(e, dict)):
        # a relinked track carries another id than the one asked, which then stands in linked_from
        linked = entry.get("linked_from")
        by_id[str((linked if isinstance(linked, dict) else {}).get("id") or entry.get("id"))] = entry
    for key in set(ids) & by_id.keys():
        yield answer.lookup(table, key, "found", by_id[key])
    # a null stands for an id that Spotify does not know; with as many nulls as ids without an answer, it is these
    missing = [key for key in ids if key not in by_id]
    if len(missing) == entries.count(None):
        for key in missing:
            yield answer.lookup(table, key, "not_found", error="null in the batch answer")


def _ask_alone(app: SpotifyApp, key: str, table: str, collection: str, attempts: int | None) -> Lookup:
    answer = app.get(f"/v1/{collection}/{key}", attempts=attempts)
    body = answer.data
    outcome: Outcome = "error"
    if answer.status == 200 and isinstance(body, dict) and body.get("id"):
        return answer.lookup(table, key, "found", body)
    if answer.status == 404:
        outcome = "not_found"
    elif answer.status == 400 and "invalid" in answer.text.lower():
        outcome = "invalid"
    elif answer.status == 403:
        raise StageEndedError("blocked", f"Spotify refuses single ids as well ({answer.describe()}).")
    return answer.lookup(table, key, outcome, error=answer.describe())
