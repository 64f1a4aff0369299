"""The sandbox answers as the services do, and commits the faults that it is asked for."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.server import Sandbox
from sandbox.world import CLIENT_ID, CLIENT_SECRET, DEAD_SPOTIFY_IDS, DEVELOPER_TOKEN, MALFORMED_SPOTIFY_ID, SOUNDS

NOW_MS = 1_795_000_000_000
WEEK_MS = 7 * 24 * 3600 * 1000
TRACK, OTHER_TRACK = "4cOdK2wGLETKBW3PvgPWqT", "7tFiyTwD0nx5a1eklYtX2J"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset()
    return running


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url) as client:
        yield client


@pytest.fixture
def spotify(http: httpx.Client) -> httpx.Client:
    answer = http.post(
        "/spotify-accounts/api/token", auth=(CLIENT_ID, CLIENT_SECRET), data={"grant_type": "client_credentials"}
    )
    http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
    return http


def page_data(answer: httpx.Response) -> dict[str, Any]:
    found = re.search(r'<script id="\w+" type="application/json">(.*?)</script>', answer.text, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    scope: dict[str, Any] = data.get("__DEFAULT_SCOPE__", data)
    return scope


def listing(http: httpx.Client, sec_uid: str, cursor: int = NOW_MS) -> httpx.Response:
    query: dict[str, str | int] = {"secUid": sec_uid, "cursor": cursor, "count": 15}
    return http.get("/tiktok/api/creator/item_list/", params=query)


def all_pages(http: httpx.Client, sec_uid: str) -> Iterator[list[dict[str, Any]]]:
    cursor, more = NOW_MS, True
    while more:
        body = listing(http, sec_uid, cursor).json()
        items = body.get("itemList", [])
        yield items
        cursor = items[-1]["createTime"] * 1000 if items else min(cursor, NOW_MS) - WEEK_MS
        more = body["hasMorePrevious"]


@pytest.mark.parametrize(("handle", "count"), [("gioscottii", 48), ("idazeile", 24), ("quietroom", 0)])
def test_walking_the_pages_finds_every_video(sandbox: Sandbox, http: httpx.Client, handle: str, count: int) -> None:
    pages = list(all_pages(http, sandbox.world.creators[handle].sec_uid))
    found = {item["id"] for page in pages for item in page}
    assert found == {video.id for video in sandbox.world.creators[handle].videos}
    assert len(found) == count
    assert all(len(page) <= 15 for page in pages)


def test_a_pinned_video_comes_first_and_a_gap_is_an_empty_page_with_more_behind_it(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    pages = list(all_pages(http, sandbox.world.creators["gioscottii"].sec_uid))
    assert pages[0][0]["isPinnedItem"]
    assert pages[0][0]["createTime"] < pages[0][-1]["createTime"]
    assert [] in pages[1:-1]


def test_a_new_video_is_listed_first_after_the_pinned_one(sandbox: Sandbox, http: httpx.Client) -> None:
    video = sandbox.world.post("gioscottii", SOUNDS["blinding"])
    items = listing(http, sandbox.world.creators["gioscottii"].sec_uid).json()["itemList"]
    assert items[1]["id"] == video.id


def test_a_profile_has_exact_and_rounded_counts_whatever_the_case_of_the_handle(http: httpx.Client) -> None:
    detail = page_data(http.get("/tiktok/@GioScottII"))["webapp.user-detail"]
    assert detail["statusCode"] == 0
    assert detail["userInfo"]["user"]["uniqueId"] == "gioscottii"
    assert detail["userInfo"]["stats"]["followerCount"] == 427_700
    assert detail["userInfo"]["statsV2"]["followerCount"] == "427682"
    assert detail["userInfo"]["statsV2"]["videoCount"] == "48"


@pytest.mark.parametrize(
    ("handle", "code", "has_user"),
    [
        ("quietroom", 0, True),
        ("private.keys", 10222, True),
        ("gone.tomorrow", 10202, False),
        ("members.only", 209002, False),
        ("nobody.here", 10221, False),
        ("shell.only", 0, False),
    ],
)
def test_what_the_profile_page_says_of_an_account(http: httpx.Client, handle: str, code: int, has_user: bool) -> None:
    detail = page_data(http.get(f"/tiktok/@{handle}"))["webapp.user-detail"]
    assert detail["statusCode"] == code
    assert bool(detail.get("userInfo", {}).get("user")) is has_user


def test_a_challenge_page_and_a_login_wall(http: httpx.Client) -> None:
    challenge = http.get("/tiktok/@blocked.page")
    assert challenge.status_code == 200
    assert 'id="cs"' in challenge.text
    assert 'id="wci"' in challenge.text
    assert "__UNIVERSAL_DATA" not in challenge.text
    wall = http.get("/tiktok/@login.wall")
    assert wall.status_code == 302
    assert wall.headers["location"].startswith("/tiktok/login?")
    assert http.get(wall.headers["location"]).status_code == 200


def test_the_embed_and_video_pages_name_a_creator_whose_profile_is_a_shell(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    embed = page_data(http.get("/tiktok/embed/@shell.only"))["source"]["data"]["/embed/@shell.only"]
    video_id = embed["videoList"][0]["id"]
    page = page_data(http.get(f"/tiktok/@shell.only/video/{video_id}"))
    item = page["webapp.video-detail"]["itemInfo"]["itemStruct"]
    assert item["author"]["secUid"] == sandbox.world.creators["shell.only"].sec_uid
    assert item["createTime"].isdigit()
    assert len(listing(http, item["author"]["secUid"]).json()["itemList"]) == 5


def test_listings_that_never_get_anywhere(sandbox: Sandbox, http: httpx.Client) -> None:
    sec_uids = {handle: creator.sec_uid for handle, creator in sandbox.world.creators.items()}
    empty = listing(http, sec_uids["empty.answers"])
    assert (empty.status_code, empty.content) == (200, b"")
    first = listing(http, sec_uids["same.page"]).json()
    oldest = first["itemList"][-1]["createTime"] * 1000
    again = listing(http, sec_uids["same.page"], oldest).json()
    assert [i["id"] for i in again["itemList"]] == [i["id"] for i in first["itemList"]]
    assert again["hasMorePrevious"]
    first = listing(http, sec_uids["halfway"]).json()
    assert len(first["itemList"]) == 15
    assert listing(http, sec_uids["halfway"], first["itemList"][-1]["createTime"] * 1000).status_code == 403


def test_music_comes_in_every_shape(sandbox: Sandbox, http: httpx.Client) -> None:
    creators = sandbox.world.creators
    items = [i for h in ("gioscottii", "idazeile") for page in all_pages(http, creators[h].sec_uid) for i in page]
    music = [item["music"] for item in items]
    assert {} in music
    assert any(m and "tt2dsp" not in m for m in music)
    assert any(m.get("tt2dsp") == {"tt_to_dsp_song_infos": []} for m in music)
    assert any(m.get("isCopyrighted") and m.get("tt2dsp") == {} for m in music)
    assert any(m and "isCopyrighted" not in m for m in music)
    links = [(m, m.get("tt2dsp", {}).get("tt_to_dsp_song_infos", [])) for m in music]
    assert any(m["original"] and not m["isCopyrighted"] for m, entries in links if entries)
    platforms = {tuple(e.get("platform") or e["Platform"] for e in entries) for _, entries in links}
    assert platforms >= {(1, 3), (3, 1), (1,), (3,), ("1", "3")}
    assert all(
        e["token"]["apple_music_token"]["developer_token"] == DEVELOPER_TOKEN
        for _, entries in links
        for e in entries
        if str(e.get("platform") or e["Platform"]) == "1"
    )
    assert {type(i["stats"]["collectCount"]) for i in items} == {int, str}
    assert any(isinstance(i["createTime"], int) and "\x00" in i["desc"] and "\ud800" in i["desc"] for i in items)
    assert all("x-signature=" in i["video"]["cover"] for i in items)


def test_the_spotify_ids_of_the_world(sandbox: Sandbox) -> None:
    world = sandbox.world
    gio, ida = world.creators["gioscottii"].spotify_ids, world.creators["idazeile"].spotify_ids
    assert gio - world.tracks.keys() == {*DEAD_SPOTIFY_IDS, MALFORMED_SPOTIFY_ID}
    assert ida - world.tracks.keys() == {DEAD_SPOTIFY_IDS[0]}
    assert gio & ida & world.tracks.keys()


def test_a_token_needs_the_right_client(http: httpx.Client) -> None:
    answer = http.post(
        "/spotify-accounts/api/token", auth=(CLIENT_ID, "wrong"), data={"grant_type": "client_credentials"}
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


def test_tracks_in_a_batch_and_alone(spotify: httpx.Client) -> None:
    batch = spotify.get(f"/spotify/v1/tracks?ids={TRACK},{DEAD_SPOTIFY_IDS[0]},{OTHER_TRACK}").json()["tracks"]
    assert [entry and entry["id"] for entry in batch] == [TRACK, None, OTHER_TRACK]
    assert batch[0]["external_ids"] == {"isrc": "GBARL9300135"}
    assert spotify.get(f"/spotify/v1/tracks/{TRACK}").json() == batch[0]
    assert spotify.get(f"/spotify/v1/tracks/{DEAD_SPOTIFY_IDS[0]}").status_code == 404
    assert spotify.get(f"/spotify/v1/tracks/{MALFORMED_SPOTIFY_ID}").json()["error"]["message"] == "invalid id"
    assert spotify.get(f"/spotify/v1/tracks?ids={TRACK},").status_code == 400
    too_many = spotify.get("/spotify/v1/tracks", params={"ids": ",".join([TRACK] * 51)})
    assert (too_many.status_code, too_many.json()["error"]["message"]) == (400, "too many ids")


def test_spotify_refuses_old_tokens_batches_and_owners_without_premium(sandbox: Sandbox, spotify: httpx.Client) -> None:
    sandbox.world.spotify_may_batch = False
    assert spotify.get(f"/spotify/v1/tracks?ids={TRACK}").json() == {"error": {"status": 403, "message": "Forbidden"}}
    assert spotify.get(f"/spotify/v1/tracks/{TRACK}").status_code == 200
    sandbox.world.spotify_has_premium = False
    refusal = spotify.get(f"/spotify/v1/tracks/{TRACK}")
    assert refusal.status_code == 403
    assert refusal.text.startswith("Active premium subscription required")
    sandbox.world.expire_tokens()
    assert spotify.get(f"/spotify/v1/tracks/{TRACK}").status_code == 401


def test_a_fault_meets_the_requests_it_names_and_as_many_as_it_says(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.faults.add("tiktok", "status", "@ida", after=1, status=429, headers={"retry-after": "7"}, body="slow down")
    answers = [http.get(f"/tiktok/@{handle}") for handle in ("idazeile", "gioscottii", "idazeile", "idazeile")]
    assert [a.status_code for a in answers] == [200, 200, 429, 200]
    assert (answers[2].headers["retry-after"], answers[2].text) == ("7", "slow down")
    assert [r.status for r in sandbox.requests("tiktok", "/@idazeile")] == [200, 429, 200]


def test_faults_that_answer_something_else(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.faults.add("tiktok", "empty")
    sandbox.faults.add("tiktok", "html")
    sandbox.faults.add("tiktok", "json", body={"code": 10000})
    empty, challenge, captcha = (http.get("/tiktok/@idazeile") for _ in range(3))
    assert (empty.status_code, empty.content) == (200, b"")
    assert 'id="wci"' in challenge.text
    assert captcha.json() == {"code": 10000}


def test_faults_that_break_the_connection(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.faults.add("tiktok", "truncated")
    sandbox.faults.add("tiktok", "drop")
    sandbox.faults.add("tiktok", "hang", seconds=0.05)
    sandbox.faults.add("tiktok", "hang")
    with pytest.raises(httpx.RemoteProtocolError, match="complete message"):
        http.get("/tiktok/@idazeile")
    for _ in ("drop", "hang"):
        with pytest.raises(httpx.RemoteProtocolError, match="without sending"):
            http.get("/tiktok/@idazeile")
    with pytest.raises(httpx.ReadTimeout):
        http.get("/tiktok/@idazeile", timeout=0.05)
    assert http.get("/tiktok/@idazeile").status_code == 200
    assert [r.status for r in sandbox.requests("tiktok")] == [200, None, None, None, 200]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("reorder", [OTHER_TRACK, TRACK]),
        ("fewer", [OTHER_TRACK]),
        ("doubled", [TRACK, TRACK, OTHER_TRACK]),
    ],
)
def test_faults_that_rearrange_a_batch(sandbox: Sandbox, spotify: httpx.Client, kind: Any, expected: list[str]) -> None:
    sandbox.faults.add("spotify", kind, "ids=")
    batch = spotify.get(f"/spotify/v1/tracks?ids={TRACK},{OTHER_TRACK}").json()["tracks"]
    assert [entry["id"] for entry in batch] == expected


def test_log_and_faults_over_http(sandbox: Sandbox, http: httpx.Client) -> None:
    fault = {"service": "tiktok", "kind": "status", "status": 502, "times": None}
    assert http.post("/_faults", json=fault).status_code == 200
    assert http.post("/_faults", json={"service": "tiktok", "kind": "nonsense"}).status_code == 400
    assert [http.get("/tiktok/@idazeile?lang=en").status_code for _ in range(2)] == [502, 502]
    http.delete("/_faults")
    assert http.get("/tiktok/@idazeile").status_code == 200
    log = http.get("/_log").json()
    assert [(r["service"], r["path"], r["status"]) for r in log] == [
        ("tiktok", "/@idazeile", 502),
        ("tiktok", "/@idazeile", 502),
        ("tiktok", "/@idazeile", 200),
    ]
    assert log[0]["query"] == {"lang": "en"}
    assert log[0]["at"] <= log[1]["at"] <= log[2]["at"]
    http.delete("/_log")
    assert http.get("/_log").json() == []
    assert sandbox.log == []


def test_reset_forgets_every_change(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.world.creators["idazeile"].status = "banned"
    sandbox.world.spotify_may_batch = False
    sandbox.faults.add("tiktok", "drop", times=None)
    sandbox.reset()
    assert page_data(http.get("/tiktok/@idazeile"))["webapp.user-detail"]["statusCode"] == 0
    assert sandbox.world.spotify_may_batch
    assert len(sandbox.log) == 1
