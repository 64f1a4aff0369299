"""Every setting of the project in one typed object, read from the environment and from `.env`."""

import os
import re
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import AliasChoices, AnyHttpUrl, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipelines import CascadeError

_NEON = "NEON_DATABASE_URL"
ROOT = Path(__file__).resolve().parents[1]


class SettingsError(CascadeError):
    """A setting is wrong; the text says which one and what it should be, never what it is."""


class Settings(BaseSettings):
    """The settings that people may write into `.env`; names are the environment variables in lower case."""

    model_config = SettingsConfigDict(
        env_file=os.environ.get("CASCADE_ENV_FILE", ROOT / ".env"), env_ignore_empty=True, extra="ignore"
    )

    database_url: SecretStr | None = Field(None, validation_alias=AliasChoices("DATABASE_URL", _NEON))
    spotify_client_id: SecretStr | None = None
    spotify_client_secret: SecretStr | None = None
    tiktok_cookie: SecretStr | None = None
    musicbrainz_contact: str | None = None

    tiktok_url: AnyHttpUrl = AnyHttpUrl("https://www.tiktok.com")
    spotify_accounts_url: AnyHttpUrl = AnyHttpUrl("https://accounts.spotify.com")
    spotify_api_url: AnyHttpUrl = AnyHttpUrl("https://api.spotify.com")

    cascade_data_dir: Path = Field(
        ROOT / ".cascade", description="holds the embedded Postgres and what dbt writes; git-ignored"
    )
    retry_seconds: float = Field(2.0, ge=0, description="first wait before a request is tried again; doubles each time")

    sandbox_speed: float = Field(
        1.0, gt=0, description="times the real pace at which services on this very machine are asked; no other ever is"
    )

    @field_validator("spotify_client_id", "spotify_client_secret", "tiktok_cookie")
    @classmethod
    def _is_one_line(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value().strip() if value else ""
        if not text.isprintable():
            raise ValueError("should be one line, without control characters")
        return SecretStr(text) if text else None

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        url = value.get_secret_value() if value else "postgresql://"
        if not re.match(r"postgres(ql)?://", url):
            raise ValueError("should look like postgresql://user:password@host:5432/database")
        before_query = url.split("?")[0]
        if before_query.count("@") > 1 or "@" in urlsplit(before_query).path:
            raise ValueError("@ and / in a password are written %40 and %2F")
        return value

    @cached_property
    def secrets(self) -> list[str]:
        """Every secret value that must never be shown, longest first, the database password among them."""
        values = [v.get_secret_value() for _, v in self if isinstance(v, SecretStr)]
        if self.database_url:
            values.append(unquote(urlsplit(self.database_url.get_secret_value()).password or ""))
        return sorted((v for v in values if len(v) > 3), key=len, reverse=True)

    def base_url(self, service: str) -> str:
        """Where a service is asked, without a slash at the end; `service` as in stages.py, e.g. tiktok, spotify."""
        url = {"tiktok": self.tiktok_url, "spotify": self.spotify_api_url}[service]
        return str(url).rstrip("/")

    def speed(self, service: str) -> float:
        """How many times its own pace a service may be asked: 1, unless it is a sandbox on this machine."""
        return self.sandbox_speed if urlsplit(self.base_url(service)).hostname in ("127.0.0.1", "localhost") else 1.0

    @property
    def user_agent(self) -> str:
        """How the project introduces itself to every service, e.g. `cascade/0.1.0 (you@example.org)`."""
        return f"cascade/0.1.0 ({self.musicbrainz_contact or 'no contact given'})"


def load_settings() -> Settings:
    """Read the settings, or raise SettingsError with one sentence a wrong setting (and none of its value)."""
    try:
        return Settings()  # type: ignore[call-arg]
    except ValidationError as error:
        wrong = [f"{_variable(e['loc'][0])}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()]
        raise SettingsError("; ".join(wrong) + ". Mend it in the environment or in .env.") from None


def _variable(location: object) -> str:
    """The environment variable behind a field; of the two names of the database's address, the one that is set."""
    name = str(location).upper()
    return _NEON if name == "DATABASE_URL" and not os.environ.get(name) and _NEON in os.environ else name
