"""Settings come from the environment, say what is wrong by name, and never show a value."""

import re

import pytest
from pydantic import SecretStr

from pipelines.settings import Settings, SettingsError, load_settings

pytestmark = pytest.mark.unit

URL = "postgresql://cascade:canary%40p%C4%81role@db.example.org:5432/music?sslmode=require"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "NEON_DATABASE_URL", *(field.upper() for field in Settings.model_fields)):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://u:canary@h/d"),
        ("DATABASE_URL", "canary"),
        ("DATABASE_URL", "postgresql://u:pa@canary@h/d"),
        ("DATABASE_URL", "postgresql://u:pa/canary@h/d"),
        ("NEON_DATABASE_URL", "https://u:canary@h/d"),
        ("TIKTOK_URL", "canary.example.org"),
        ("SPOTIFY_API_URL", "ftp://canary.example.org"),
        ("SPOTIFY_ACCOUNTS_URL", "https://canary.example.org:port"),
        ("RETRY_SECONDS", "canary"),
        ("RETRY_SECONDS", "-77.25"),
        ("SANDBOX_SPEED", "0"),
        ("SANDBOX_SPEED", "canary"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not_shown(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as caught:
        load_settings()

    text = str(caught.value)
    assert re.search(rf"\b{name}: ", text)
    assert "canary" not in text
    assert "77.25" not in text
    assert "\n" not in text


def test_every_wrong_setting_is_named_at_once(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "canary")
    monkeypatch.setenv("SANDBOX_SPEED", "canary")

    with pytest.raises(SettingsError, match=r"(?s)DATABASE_URL.*SANDBOX_SPEED"):
        load_settings()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
@pytest.mark.parametrize("name", ["DATABASE_URL", "NEON_DATABASE_URL"])
def test_either_name_gives_the_database(monkeypatch, name, scheme):
    url = URL.replace("postgresql", scheme)
    monkeypatch.setenv(name, url)

    settings = load_settings()

    assert settings.database_url == SecretStr(url)


def test_database_url_wins_over_its_alias(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("NEON_DATABASE_URL", "postgresql://other@h/d")

    assert load_settings().database_url == SecretStr(URL)


def test_empty_texts_count_as_unset(monkeypatch):
    for field in Settings.model_fields:
        monkeypatch.setenv(field.upper(), "")
    monkeypatch.setenv("NEON_DATABASE_URL", "")

    assert load_settings().model_dump() == Settings.model_construct().model_dump()


def test_an_empty_database_url_leaves_the_alias_in_force(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("NEON_DATABASE_URL", URL)

    assert load_settings().database_url == SecretStr(URL)


def test_no_secret_is_shown_when_the_settings_are_printed(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", URL)
    for name in ("SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET", "TIKTOK_COOKIE"):
        monkeypatch.setenv(name, f"canary-{name}")

    settings = load_settings()

    assert settings.secrets, "they are known"
    for shown in (repr(settings), str(settings), f"{settings.model_dump()}", settings.model_dump_json()):
        assert "canary" not in shown


def test_secrets_are_every_secret_value_longest_first(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("SPOTIFY_CLIENT_ID", "canary-id")
    monkeypatch.setenv("SPOTIFY_CLIENT_SECRET", "canary-client-secret")
    monkeypatch.setenv("TIKTOK_COOKIE", "sessionid=canary; tt_webid=canary-cookie")
    monkeypatch.setenv("MUSICBRAINZ_CONTACT", "me@example.org")

    secrets = load_settings().secrets

    assert set(secrets) == {
        URL,
        "canary@pārole",
        "canary-id",
        "canary-client-secret",
        "sessionid=canary; tt_webid=canary-cookie",
    }
    assert [len(s) for s in secrets] == sorted((len(s) for s in secrets), reverse=True)


def test_a_database_without_a_password_hides_nothing_else(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example.org/x")

    assert load_settings().secrets == ["postgresql://db.example.org/x"]


@pytest.mark.parametrize(
    ("url", "speed"),
    [
        ("http://127.0.0.1:8765/tiktok", 100),
        ("http://localhost:8765/tiktok", 100),
        ("https://www.tiktok.com", 1),
        ("http://127.0.0.1.example.org", 1),
        ("http://localhost.example.org", 1),
        ("http://example.org/localhost", 1),
        ("http://localhost@example.org", 1),
        ("http://192.168.0.1", 1),
    ],
)
def test_only_this_very_machine_is_asked_faster_than_the_real_pace(monkeypatch, url, speed):
    monkeypatch.setenv("SANDBOX_SPEED", "100")
    monkeypatch.setenv("TIKTOK_URL", url)

    assert load_settings().speed("tiktok") == speed
    assert load_settings().speed("spotify") == 1, "the other service is where it was"


def test_base_urls_keep_a_path_prefix_and_end_without_a_slash(monkeypatch):
    monkeypatch.setenv("TIKTOK_URL", "http://127.0.0.1:8765/tiktok/")

    assert load_settings().base_url("tiktok") == "http://127.0.0.1:8765/tiktok"
    assert load_settings().base_url("spotify") == "https://api.spotify.com"


def test_the_user_agent_says_who_asks_and_how_to_reach_them(monkeypatch):
    monkeypatch.setenv("MUSICBRAINZ_CONTACT", "me@example.org")

    assert load_settings().user_agent == "cascade/0.1.0 (me@example.org)"
