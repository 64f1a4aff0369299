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
        body = redact(" ".join(self.text.split()), self.secrets)
        return self.error or f"HTTP {self.status}: {body[:200]}"


class _PacedTransport(httpx.HTTPTransport):
    """Takes a turn below everything that might repeat a request, so that retries and redirects wait as well."""

    def __init__(self, slot: PaceSlot, on_request: Callable[[], None]) -> None:
        super().__init__()
        self._slot = slot
        self._on_request = on_request

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        wait = self._slot.take()
        if wait > 0:
            time.sleep(wait)
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
            requested_at = datetime.now(UTC)
            try:
                response = self._http.request(method, url, params=params, headers=encoded, data=form)
            except httpx.HTTPError as error:
                reason = redact(f"{type(error).__name__}: {error}", self.secrets)
                return Answer(requested_at, datetime.now(UTC), url=url, error=reason)
            return Answer(
                requested_at,
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
                if answer.retry_after > LONGEST_PAUSE_SECONDS:
                    raise StageEndedError(
                        "retry_later",
                        f"The service asks to come back in {answer.retry_after:.0f} s (HTTP {answer.status}).",
                        datetime.now(UTC) + timedelta(seconds=answer.retry_after),
                    )
                self._slot.pause(answer.retry_after)
            return answer.status is None or answer.status in _RETRYABLE

        retrying = Retrying(
            retry=retry_if_result(passes_by_itself),
            stop=stop_after_attempt(attempts or _ATTEMPTS),
            wait=self._backoff,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        answer: Answer = retrying(once)
        return answer

    def _backoff(self, state: RetryCallState) -> float:
        """Doubling, with jitter; a Retry-After is kept by the pace slot, for all processes at once."""
        return float(self._retry_seconds * 2 ** (state.attempt_number - 1) * random.uniform(0.75, 1.25))  # noqa: S311

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()
        self._slot.close()
