"""What may be stored is stored as it came; what may not is cleaned once, and the row says so."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from pipelines.lookup import Lookup, clean, redact

pytestmark = pytest.mark.unit

SECRETS = ["canary-secret-longer", "canary-secret"]
SIGNED = [
    "https://p16-sign-va.tiktokcdn.com/obj/a.jpeg?x-expires=1760943600&x-signature=abc%3D",
    "https://v16-webapp.tiktok.com/video/tos/x/?a=1988&expire=1760943600&signature=abc",
    "https://v19.tiktokcdn.com/x.mp4?policy=eyJ&signaturev3=dm",
    "https://www.tiktok.com/aweme/v1/play/?item_id=1&tk=tt_chain_token",
]
UNSIGNED = [
    "https://www.tiktok.com/@gioscottii/video/7?is_from_webapp=1&lang=it",
    "https://music.apple.com/us/album/1443855681?i=1443855682",
    "https://open.spotify.com/track/4cOdK2wGLETKBW3PvgPWqT?si=0",
]


def row(payload: Any, **parts: Any) -> dict[str, Any]:
    return Lookup("tiktok_videos", parts.pop("key", "1"), "found", payload, **parts).as_row("run", SECRETS)


@pytest.mark.parametrize("odd", ["\x00", "\ud83c", "\udfb9\ud83c", "\ud800\x00"])
def test_what_jsonb_cannot_hold_becomes_the_replacement_character(odd):
    fixed = "\ufffd" * len(odd)

    assert clean({f"a{odd}": [f"{odd}b", {"c": f"d{odd}e"}]}) == {f"a{fixed}": [f"{fixed}b", {"c": f"d{fixed}e"}]}


def test_whole_emoji_and_other_control_characters_stay():
    text = "\U0001f3b9 \u200d \ufffd \x01 \x7f \uffff \u2028 زمان"

    assert clean(text) == text


@pytest.mark.parametrize("name", ["token", "Token", "TOKEN"])
def test_token_entries_are_dropped_at_any_depth(name):
    document = {name: "x", "infos": [{"platform": 1, "meta": {name: {"jwt": "x"}, "song": "1"}}, [{name: None}]]}

    assert clean(document) == {"infos": [{"platform": 1, "meta": {"song": "1"}}, [{}]]}


def test_names_that_only_contain_token_stay():
    document = {"tokens": 1, "tt_chain_token": 2, "to ken": 3}

    assert clean(document) == document


def test_known_secrets_are_replaced_in_key_payload_names_values_and_error():
    stored = row({"canary-secret": ["x canary-secret-longer y"]}, key="canary-secret", error="HTTP 500: canary-secret")

    assert "canary" not in str(stored)
    assert json.loads(stored["payload"]) == {"***": ["x *** y"]}
    assert (stored["key"], stored["error"], stored["sanitised"]) == ("***", "HTTP 500: ***", True)


@pytest.mark.parametrize("url", SIGNED)
def test_signed_media_urls_lose_their_query(url):
    assert clean({"playAddr": [url]}) == {"playAddr": [url.partition("?")[0]]}


@pytest.mark.parametrize("url", [*UNSIGNED, "http://[not-an-address?sign=1", "what? sign here"])
def test_other_texts_keep_their_question_marks(url):
    assert clean(url) == url


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://example.org/books?author=Eco", id="auth in author"),
        pytest.param("https://example.org/shop?design=blue", id="sign in design"),
    ],
)
def test_a_parameter_that_only_contains_a_signing_word_is_kept(url):
    assert clean(url) == url


def test_prose_that_begins_with_a_link_is_kept():
    caption = "https://linktr.ee/gio what do you think? please sign the petition"

    assert clean(caption) == caption


@pytest.mark.parametrize(("number", "text"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")])
def test_numbers_that_json_does_not_know_become_text(number, text):
    stored = row({"a": [number]})

    assert json.loads(stored["payload"]) == {"a": [text]}
    assert stored["sanitised"]


@pytest.mark.parametrize("number", [2**63, -(2**64) - 1, 2**70, 10**400])
def test_integers_beyond_64_bit_stay_exact(number):
    stored = row({"id": number})

    assert json.loads(stored["payload"]) == {"id": number}
    assert not stored["sanitised"]


@pytest.mark.parametrize(
    "payload", [None, "", 0, False, [], {}, {"": {"": [[], {}, None, ""]}}, [1.5, -0.0, True], {"url": UNSIGNED[0]}]
)
def test_a_row_that_needs_no_cleaning_is_not_flagged(payload):
    stored = row(payload, key="@Gio", error="HTTP 404: gone")

    assert not stored["sanitised"]
    assert stored["payload"] == (None if payload is None else json.dumps(payload))
    assert (stored["key"], stored["error"]) == ("@Gio", "HTTP 404: gone")


@pytest.mark.parametrize(
    "odd", [{"key": "a\x00"}, {"error": "\ud800"}, {"payload": [{"Token": ""}]}, {"payload": SIGNED[0]}]
)
def test_a_row_that_was_cleaned_is_flagged(odd):
    assert row(odd.pop("payload", {}), **odd)["sanitised"] is True


def test_a_failed_lookup_has_no_payload():
    assert row(None)["payload"] is None


def json_values(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
    )


any_text = st.text(st.characters(exclude_categories=())) | st.sampled_from(
    [*SIGNED, *UNSIGNED, "token", "Token", *SECRETS, "https://x.org/?sign=canary-secret#\x00", "http?token"]
)
plain_text = st.text().filter(lambda t: "\x00" not in t and not t.startswith("http") and t.lower() != "token")


@given(json_values(any_text))
@examples(deadline=None)
def test_cleaning_twice_is_cleaning_once(value):
    once = clean(value, SECRETS)

    assert clean(once, SECRETS) == once


@given(json_values(any_text))
@examples(deadline=None)
def test_whatever_comes_is_stored_as_json_without_what_may_not_be_kept(value):
    stored = row(value)

    text = (stored["payload"] or "").encode().decode()
    assert "\\u0000" not in text.replace("\\\\", "")
    assert not any(secret in text for secret in SECRETS)
    assert "x-signature" not in text


@given(json_values(plain_text).filter(lambda v: v is not None and "nan" not in repr(v) and "inf" not in repr(v)))
@examples(deadline=None)
def test_a_value_without_odd_parts_is_stored_equal(value):
    stored = row(value)

    # repr tells 1 from 1.0 and True, and knows the order of names
    assert repr(clean(value, SECRETS)) == repr(value)
    assert repr(json.loads(stored["payload"])) == repr(value)
    assert not stored["sanitised"]


def test_redact_hides_passwords_in_urls_and_known_secrets():
    text = 'no route to "postgresql://cascade:p%40ss@db.example.org:5432/x", cookie canary-secret'

    assert redact(text, SECRETS) == 'no route to "postgresql://cascade:***@db.example.org:5432/x", cookie ***'


@pytest.mark.parametrize(
    "text",
    ["postgresql://db.example.org:5432/x", "at 12:30 mail me@example.org", "https://www.tiktok.com/@gio", "a: b@c"],
)
def test_redact_leaves_texts_without_a_password_alone(text):
    assert redact(text, SECRETS) == text


@pytest.mark.parametrize("password", ["pa@ss", "pa/ss", "@", "p:a@s:s"])
def test_redact_hides_passwords_that_should_have_been_encoded(password):
    shown = redact(f"can't reach postgresql://cascade:{password}@db.example.org/x", [])

    assert shown == "can't reach postgresql://cascade:***@db.example.org/x"
