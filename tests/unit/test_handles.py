"""What people type for a creator becomes TikTok's handle, or a sentence that says why not."""

import pytest

from pipelines.lookup import normalise_handle

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("typed", "handle"),
    [
        ("gioscottii", "gioscottii"),
        ("@gioscottii", "gioscottii"),
        ("@GioScottii", "gioscottii"),
        ("  GIOSCOTTII\n", "gioscottii"),
        ("shell.only", "shell.only"),
        ("a_b-c.1", "a_b-c.1"),
        ("https://www.tiktok.com/@gioscottii", "gioscottii"),
        ("https://www.tiktok.com/@GioScottii/", "gioscottii"),
        ("https://www.tiktok.com/@gioscottii?lang=it&is_from_webapp=1", "gioscottii"),
        ("https://www.tiktok.com/@gioscottii/video/7513039993741397256", "gioscottii"),
        ("tiktok.com/@gioscottii", "gioscottii"),
        ("x" * 64, "x" * 64),
    ],
)
def test_every_way_to_name_a_creator_gives_the_handle(typed, handle):
    assert normalise_handle(typed) == handle


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "@",
        "@@gio",
        "gio scotti",
        "gio'; drop table",
        'gio"scotti',
        "gio%20scotti",
        "gio?x",
        "gio\x00",
        "gio\nscotti",
        "/",
        "///",
        "../../etc/passwd",
        "gio/../ida",
        "..\\gio",
        "https://www.tiktok.com/",
        "https://www.tiktok.com/foryou",
        "https://vm.tiktok.com/ZMabc/",
        "https://www.tiktok.com/@gio scotti",
        "x" * 65,
        "x" * 100_000,
    ],
)
def test_what_is_no_handle_is_refused_in_a_sentence(typed):
    with pytest.raises(ValueError, match="is no TikTok handle: letters, digits"):
        normalise_handle(typed)


@pytest.mark.parametrize("typed", ["..", "@../admin", "."])
def test_a_name_of_dots_alone_is_refused(typed):
    with pytest.raises(ValueError, match="is no TikTok handle"):
        normalise_handle(typed)
