"""TikTok items from files: every known wrapping is understood, and a wrong file costs nothing but itself."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.lookup import Lookup
from pipelines.settings import ROOT
from pipelines.sources.tiktok import PROFILES, VIDEOS, tiktok_files

pytestmark = pytest.mark.unit

SHARED = ROOT.parent / "shared" / "payloads" / "tiktok"


def item(video_id: str, **parts: Any) -> dict[str, Any]:
    return {"id": video_id, "createTime": 1752031845, "author": {"uniqueId": "gio"}, **parts}


def page(scope: dict[str, Any]) -> dict[str, Any]:
    return {"__DEFAULT_SCOPE__": {"webapp.app-context": {"language": "en"}, **scope}}


def read(*paths: Path) -> tuple[list[Lookup], list[str]]:
    problems: list[str] = []
    return list(tiktok_files(paths, problems)), problems


def written(path: Path, content: Any) -> Path:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


GOOD = {
    "item_list answer": {"statusCode": 0, "itemList": [item("71"), item("72")], "hasMore": True},
    "app's item_list answer": {"item_list": [item("71"), item("72")]},
    "search answer": {
        "status_code": 0,
        "data": [
            {"type": 1, "item": item("71")},
            {"type": 4, "user_list": [{"user_info": {"uid": "5"}}]},
            {"type": 1, "item": item("72"), "common": {"doc_id_str": "72"}},
        ],
    },
    "bare list": [item("71"), item("72")],
    "JSON lines": "\n".join(json.dumps(item(i)) for i in ("71", "72")) + "\n\n",
    "JSON lines of a Windows program": "\ufeff" + "\r\n".join(json.dumps(item(i)) for i in ("71", "72")),
    "answers, one a line": "\n".join(json.dumps({"itemList": [item(i)]}) for i in ("71", "72")),
    "pages, one a line": "\n".join(
        json.dumps(page({"webapp.video-detail": {"itemInfo": {"itemStruct": item(i)}}})) for i in ("71", "72")
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_each_wrapping_gives_its_videos_whole(tmp_path, name):
    lookups, problems = read(written(tmp_path / "export.json", GOOD[name]))

    assert problems == []
    assert [(v.table, v.key, v.outcome, v.payload) for v in lookups] == [
        (VIDEOS, "71", "found", item("71")),
        (VIDEOS, "72", "found", item("72")),
    ]


@pytest.mark.parametrize(
    "document",
    [
        item("71"),
        item(71),  # type: ignore[arg-type]
        page({"webapp.video-detail": {"statusCode": 0, "itemInfo": {"itemStruct": item("71")}}}),
        {"webapp.video-detail": {"itemInfo": {"itemStruct": item("71")}}},
        {"itemInfo": {"itemStruct": item("71")}},
    ],
    ids=["item", "number as id", "page", "page's scope", "detail answer"],
)
def test_one_video_alone(tmp_path, document):
    lookups, problems = read(written(tmp_path / "one.json", document))

    assert problems == []
    assert [(v.table, v.key) for v in lookups] == [(VIDEOS, "71")]


@pytest.mark.parametrize("wrap", [lambda detail: page({"webapp.user-detail": detail}), lambda detail: detail])
def test_a_profile_is_kept_under_the_handle_in_lower_case(tmp_path, wrap):
    detail = {"statusCode": 0, "userInfo": {"user": {"uniqueId": "GioScottii", "secUid": "MS4"}, "stats": {}}}

    lookups, problems = read(written(tmp_path / "profile.json", wrap(detail)))

    assert problems == []
    assert [(v.table, v.key, v.outcome, v.payload) for v in lookups] == [(PROFILES, "gioscottii", "found", detail)]


def test_a_folder_is_read_with_all_below_it_and_nothing_but_json(tmp_path):
    deep = tmp_path / "2026" / "05"
    deep.mkdir(parents=True)
    written(tmp_path / "a.json", item("71"))
    written(deep / "b.jsonl", f"{json.dumps(item('72'))}\n{json.dumps(item('73'))}")
    written(deep / "c.ndjson", f"{json.dumps(item('74'))}\n{json.dumps(item('75'))}")
    written(deep / "notes.txt", "not for us")

    lookups, problems = read(tmp_path)

    assert problems == []
    assert sorted(v.key for v in lookups) == ["71", "72", "73", "74", "75"]


def test_a_folder_without_files_is_one_problem(tmp_path):
    lookups, problems = read(tmp_path)

    assert lookups == []
    assert len(problems) == 1
    assert str(tmp_path) in problems[0]


@pytest.mark.parametrize("now", [1760940141000, "1760940141000"])
def test_videos_were_seen_when_tiktok_says_it_answered(tmp_path, now):
    document = {"itemList": [item("71")], "extra": {"now": now}}

    lookups, _ = read(written(tmp_path / "export.json", document))

    assert [v.answered_at for v in lookups] == [datetime(2025, 10, 20, 6, 2, 21, tzinfo=UTC)]


@pytest.mark.parametrize("document", [{"itemList": [item("71")], "extra": {"now": None}}, [item("71")], item("71")])
def test_without_that_they_were_seen_when_the_file_was_written(tmp_path, document):
    path = written(tmp_path / "export.json", document)
    os.utime(path, (1_700_000_000, 1_700_000_000))

    lookups, _ = read(path)

    assert [v.answered_at for v in lookups] == [datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)]


def test_each_line_is_dated_by_itself(tmp_path):
    lines = [{"itemList": [item("71")], "extra": {"now": 1760940141000}}, {"itemList": [item("72")]}]
    path = written(tmp_path / "export.jsonl", "\n".join(map(json.dumps, lines)))
    os.utime(path, (1_700_000_000, 1_700_000_000))

    lookups, _ = read(path)

    assert [v.answered_at.year for v in lookups] == [2025, 2023]


WRONG = {
    "empty": "",
    "blank": " \n\n",
    "not JSON": "id,desc\n71,hello\n",
    "one word": "hello",
    "truncated": json.dumps({"itemList": [item("71"), item("72")]})[:-30],
    "truncated, indented": json.dumps({"itemList": [item("71")]}, indent=2)[:-8],
    "a line broken in the middle": f"{json.dumps(item('71'))}\n{json.dumps(item('72'))[:40]}\n{json.dumps(item('73'))}",
    "JSON without items": {"users": [{"id": "5", "name": "x"}]},
    "a number": 5,
    "null": None,
    "items of something else": {"itemList": [{"id": "abc", "author": {}}, {"id": "5", "title": "x"}, "71", None]},
    "a closed account": page({"webapp.user-detail": {"statusCode": 10202}}),
    "HTML": '<!DOCTYPE html><html><script id="x">{"itemList": []}</script>\n</html>',
    "binary": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\xfe",
    "another encoding": json.dumps([item("71")]).encode("utf-16"),
    "nested without end": "[" * 100_000 + "]" * 100_000,
    "a number without end": '{"id": 7' + "1" * 5_000 + ', "author": {}}',
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_one_problem_that_names_it_and_the_rest_loads(tmp_path, name):
    before = written(tmp_path / "a.json", item("81"))
    wrong = written(tmp_path / "b.json", "null" if WRONG[name] is None else WRONG[name])
    after = written(tmp_path / "c.json", item("82"))

    lookups, problems = read(before, wrong, after)

    assert [v.key for v in lookups] == ["81", "82"]
    assert len(problems) == 1
    assert problems[0].startswith(f"{wrong}: ")
    assert len(problems[0]) < len(str(wrong)) + 200
    assert "\n" not in problems[0]


def test_a_broken_line_is_named_by_its_number(tmp_path):
    _, problems = read(written(tmp_path / "export.jsonl", WRONG["a line broken in the middle"]))

    assert "line 2" in problems[0]


def test_a_file_that_is_not_there_is_one_problem(tmp_path):
    lookups, problems = read(tmp_path / "missing.json", written(tmp_path / "a.json", item("81")))

    assert [v.key for v in lookups] == ["81"]
    assert len(problems) == 1
    assert "missing.json" in problems[0]


def test_an_absurd_time_does_not_end_the_import(tmp_path):
    wrong = written(tmp_path / "a.json", {"itemList": [item("71")], "extra": {"now": 10**23}})

    lookups, _ = read(wrong, written(tmp_path / "b.json", item("82")))

    assert "82" in [v.key for v in lookups]


@pytest.mark.parametrize("separator", ["\u2028", "\x85", "\u2029"])
def test_a_line_separator_within_a_description_is_no_new_line(tmp_path, separator):
    lines = [json.dumps(item(i, desc=f"a{separator}b"), ensure_ascii=False) for i in ("71", "72")]

    lookups, problems = read(written(tmp_path / "export.jsonl", "\n".join(lines)))

    assert problems == []
    assert [v.payload["desc"] for v in lookups] == [f"a{separator}b"] * 2


@pytest.mark.parametrize("more", [True, False])
def test_an_empty_listing_is_no_problem(tmp_path, more):
    document = {"statusCode": 0, "itemList": [], "hasMorePrevious": more}

    assert read(written(tmp_path / "export.json", document)) == ([], [])


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded answers are not on this machine")
def test_recorded_answers_are_all_recognised():
    lookups, problems = read(SHARED)

    videos = [v for v in lookups if v.table == VIDEOS]
    searched = [v for v in videos if v.answered_at == datetime(2026, 2, 5, 10, 48, 3, tzinfo=UTC)]
    assert len(searched) == 11
    assert len({v.key for v in searched}) == 11
    assert len({song for v in searched for song in spotify_songs(v.payload)}) == 5
    assert len(videos) == 11 + 3, "an item list of one, and the page of one video twice"
    assert len({v.key for v in videos}) == 11 + 2
    assert len([v for v in lookups if v.table == PROFILES]) == 2, "a public and a private one"
    # accounts that have no profile to show
    assert sorted(Path(p.split(": ")[0]).stem.rpartition("_")[2] for p in problems) == ["10202", "10221", "209002"]


def spotify_songs(video: dict[str, Any]) -> list[str]:
    links = video["music"].get("tt2dsp", {}).get("tt_to_dsp_song_infos") or []
    return [link["song_id"] for link in links if link["platform"] == 3]
