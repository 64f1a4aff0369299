"""One polite client for every service: a turn before each start, a timeout, retries, and no secret in any error."""

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Literal, Self

import httpx
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt

from pipelines.database import Database, PaceSlot
from pipelines.lookup import Lookup, Outcome, redact
from pipelines.settings import Settings
from pipelines.stages import Service

# A service that asks for a longer pause than this ends its stage; the queue goes on when the pause is over.
LONGEST_PAUSE_SECONDS = 60
_ATTEMPTS = 4
_TIMEOUT_SECONDS = 20
# after four times 429 without a word on when to come back
_REFUSED_PAUSE_SECONDS = 15 * 60
_RETRYABLE = frozenset({429, 500, 502, 503, 504})

StageEnd = Literal["blocked", "needs_credentials", "retry_later", "failed"]


class StageEndedError(Exception):
    """The service said something about us, not about a key: the stage ends, what was fetched is kept."""

    def __init__(self, ended: StageEnd, reason: str, resume_at: datetime | None = None) -> None:
        super().__init__(reason)
        self.ended = ended
        self.resume_at = resume_at


@dataclass(frozen=True)
class Answer:
    """What came back. `status` is None and `error` says why when nothing (whole) came back within the retries."""

    requested_at: datetime
    answered_at: datetime
    status: int | None = None
    text: str = ""
    url: str = ""
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    error: str | None = None
    secrets: Sequence[str] = ()

    @property
    def data(self) -> Any:
        """The body as JSON, or None when it is not JSON."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None

    def lookup(self, table: str, key: str, outcome: Outcome, payload: Any = None, error: str | None = None) -> Lookup:
        """The raw row of `key`, with this answer's status and times."""
        return Lookup(table, key, outcome, payload, self.status, error, self.requested_at, self.answered_at)

    @property
    def retry_after(self) -> float | None:
        """Seconds until the service wants to be asked again (Retry-After in seconds or as a date), or None."""
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            # some send milliseconds; a year is as good as for ever
            return min(float(value), 365 * 24 * 3600.0)
        try:
            pause: float = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
            return max(0.0, pause)
        except (TypeError, ValueError):
            return None

    def describe(self) -> str:
        """A few words for the `error` column: `HTTP 503: <start of the body>`, or why there is no answer."""
        # bodies can be megabytes; what is cut here is far behind what is shown
        body = redact(" ".join(self.text[:5000].split()), self.secrets)
        return self.error or f"HTTP {self.status}: {body[:200]}"


def _pause(seconds: float, why: str) -> StageEndedError:
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    return StageEndedError("retry_later", f"{why}; it is asked again from {until:%Y-%m-%d %H:%M} UTC.", until)


class _PacedTransport(httpx.HTTPTransport):
    """Takes a turn below everything that might repeat a request, so that retries and redirects wait as well."""

    def __init__(self, slot: PaceSlot, on_request: Callable[[], None]) -> None:
        super().__init__()
        self._slot = slot
        self._on_request = on_request

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        wait = self._slot.take()
        if wait > LONGEST_PAUSE_SECONDS:
            raise _pause(wait, "The service asked for a pause")
        if wait > 0:
            time.sleep(wait)
            # the answer's time is that of the start, not of the waiting before it
            request.extensions["started_at"] = datetime.now(UTC)
        self._on_request()
        return super().handle_request(request)


class Client:
    """Asks one service. Thread-safe; answers never raise for a key, only StageEndedError for a long pause."""

    def __init__(self, settings: Settings, database: Database, service: Service) -> None:
        self.requests = 0
        self.secrets = list(settings.secrets)
        self._base_url = settings.base_url(service.name)
        self._slot = PaceSlot(database, service.name, service.per_second * settings.speed(service.name))
        self._retry_seconds = settings.retry_seconds
        self._http = httpx.Client(
            transport=_PacedTransport(self._slot, self._count),
            headers=httpx.Headers({"user-agent": settings.user_agent}, encoding="utf-8"),
            timeout=_TIMEOUT_SECONDS,
            follow_redirects=True,
        )

    def _count(self) -> None:
        self.requests += 1

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
        base_url: str | None = None,
        attempts: int | None = None,
    ) -> Answer:
        """Ask for `path` and return the answer, after at most `attempts` (four) tries for what passes by itself.

        Tried again: no answer, a truncated one, 429 and 5xx. Raises StageEndedError when the service asks for a pause
        of more than a minute.
        """
        url = (base_url or self._base_url).rstrip("/") + path
        # a cookie or a contact may hold more than ASCII
        encoded = httpx.Headers(headers, encoding="utf-8")

        def once() -> Answer:
            request = self._http.build_request(method, url, params=params, headers=encoded, data=form)
            asked_at = datetime.now(UTC)

            def started_at() -> datetime:
                at: datetime = request.extensions.get("started_at", asked_at)
                return at

            try:
                response = self._http.send(request)
            except httpx.HTTPError as error:
                # the text of a LocalProtocolError quotes the header that it refuses
                text = "" if isinstance(error, httpx.LocalProtocolError) else f": {error}"
                reason = redact(f"{type(error).__name__}{text}", self.secrets)
                return Answer(started_at(), datetime.now(UTC), url=url, error=reason)
            return Answer(
                started_at(),
                datetime.now(UTC),
                status=response.status_code,
                # not response.text: a wrong charset header must not lose a title
                text=response.content.decode("utf-8", "replace"),
                url=str(response.url),
                headers=response.headers,
                secrets=self.secrets,
            )

        def passes_by_itself(answer: Answer) -> bool:
            if answer.retry_after is not None and answer.status in _RETRYABLE:
                # for every process that asks this service, now and after a restart
                self._slot.pause(answer.retry_after)
                if answer.retry_after > LONGEST_PAUSE_SECONDS:
                    raise _pause(answer.retry_after, f"The service asks for a pause (HTTP {answer.status})")
            return answer.status is None or answer.status in _RETRYABLE

        retrying = Retrying(
            retry=retry_if_result(passes_by_itself),
            stop=stop_after_attempt(attempts or _ATTEMPTS),
            wait=self._backoff,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        answer: Answer = retrying(once)
        if answer.status == 429:
            self._slot.pause(_REFUSED_PAUSE_SECONDS)
            raise _pause(
                _REFUSED_PAUSE_SECONDS, "The service says again and again that it is asked too often (HTTP 429)"
            )
        return answer

    def _backoff(self, state: RetryCallState) -> float:
        """Doubling, with jitter; a Retry-After is kept by the pace slot, for all processes at once."""
        return float(self._retry_seconds * 2 ** (state.attempt_number - 1) * random.uniform(0.75, 1.25))  # noqa: S311

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()
        self._slot.close()
