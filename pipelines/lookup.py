"""The raw row: one key that was asked and what came back, cleaned once, here, before anything is loaded."""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit, urlunsplit

Outcome = Literal["found", "not_found", "invalid", "error", "blocked"]

# jsonb holds neither NUL nor half of a surrogate pair
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_HANDLE = re.compile(r"(?=.*\w)[\w.-]{1,64}")
# TikTok's Apple Music entries carry a live JWT of TikTok's own account
_SECRET_KEYS = frozenset({"token"})
# names of query parameters that sign a URL or say when it expires (x-signature, x-expires, signaturev3, policy, tk ...)
_SIGNATURE = re.compile(r"(^|[-_])(sign|signature(v\d)?|expires?|policy|token|tk|auth_key)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Lookup:
    """One row of a raw table. `key` is the key that was asked; `payload` is that key's part of the answer, whole."""

    table: str
    key: str
    outcome: Outcome
    payload: Any = None
    http_status: int | None = None
    error: str | None = None
    requested_at: datetime | None = None
    answered_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def as_row(self, run_id: str, secrets: Iterable[str] = ()) -> dict[str, Any]:
        """The row as it is stored: cleaned, payload as JSON text, sanitised true when cleaning changed something."""
        key, error, outcome = clean(self.key, secrets), clean(self.error, secrets), self.outcome
        try:
            payload = clean(self.payload, secrets)
            text = None if payload is None else json.dumps(payload, ensure_ascii=False, allow_nan=False)
            sanitised = (key, payload, error) != (self.key, self.payload, self.error)
        except RecursionError:
            text, outcome, error, sanitised = None, "error", "The payload is nested too deep to be kept.", True
        return {
            "key": key,
            "outcome": outcome,
            "payload": text,
            "http_status": self.http_status,
            "error": error,
            "sanitised": sanitised,
            "requested_at": self.requested_at,
            "answered_at": self.answered_at,
            "run_id": run_id,
        }


def normalise_handle(text: str) -> str:
    """`@Handle`, a profile's address or a bare handle -> the handle in lower case; ValueError says what is wrong."""
    handle = text.strip()
    if "/" in handle:
        handle = next((part for part in urlsplit(handle).path.split("/") if part.startswith("@")), handle)
    handle = handle.removeprefix("@").lower()
    if not _HANDLE.fullmatch(handle):
        raise ValueError(f"{text!r} is no TikTok handle: letters, digits, '.', '_' and '-' only, e.g. gioscottii.")
    return handle


def clean(value: Any, secrets: Iterable[str] = ()) -> Any:
    """`value` as Postgres can hold it and as it may be kept.

    NUL and lone surrogates become U+FFFD, `token` entries and known secrets are dropped, signed media URLs lose their
    (expiring) query, numbers that JSON does not know become text. Everything else is returned as it came.
    """
    if isinstance(value, str):
        return _clean_text(value, secrets)
    if isinstance(value, dict):
        return {_clean_text(k, secrets): clean(v, secrets) for k, v in value.items() if k.lower() not in _SECRET_KEYS}
    if isinstance(value, list):
        return [clean(v, secrets) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def redact(text: str, secrets: Iterable[str]) -> str:
    """`text` with every known secret, and any password within a URL, replaced by `***`."""
    for secret in secrets:
        text = text.replace(secret, "***")
    # up to the last @: a password may hold one, though it should be percent-encoded
    return re.sub(r"(://[^:/@\s]*:)(?!\d+/)\S+@", r"\1***@", text)


def _clean_text(text: str, secrets: Iterable[str]) -> str:
    text = _UNSTORABLE.sub("\ufffd", text)
    if text.startswith("http") and "?" in text:
        text = _without_signature(text)
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _without_signature(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    signed = any(_SIGNATURE.search(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    return urlunsplit(parts._replace(query="", fragment="")) if signed else url
