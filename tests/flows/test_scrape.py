"""A scrape of each kind of creator, against the sandbox: what ends up where, and what the result says."""

import pytest
from conftest import make_settings

from flows.scrape import ScrapeResult, scrape_creator
from flows.transform import Transform
from pipelines.database import Database
from pipelines.settings import Settings
from sandbox.world import SOUNDS


@pytest.fixture
def scrape(settings: Settings, database: Database, transform: Transform):
    def run(handle: str, **options: object) -> ScrapeResult:
        return scrape_creator(settings, database, transform, handle, **options)

    return run


def creator(database: Database, handle: str) -> dict:
    rows = database.rows("select * from catalog.tiktok_creators where tiktok_handle = %(handle)s", {"handle": handle})
    assert len(rows) == 1
    return rows[0]


def count(database: Database, query: str) -> int:
    return database.rows(f"select count(*) as n from {query}")[0]["n"]


def test_a_whole_creator_lands_in_every_table(scrape, database, sandbox):
    result = scrape("gioscottii")

    assert (result.state, result.videos, result.new_videos) == ("done", 48, 48)
    assert count(database, "catalog.tiktok_scraped_videos where tiktok_handle = 'gioscottii'") == 48
    assert count(database, "history.video_observations") == 48
    row = creator(database, "gioscottii")
    assert (row["status"], row["follower_count"]) == ("active", sandbox.world.creators["gioscottii"].followers)
    stats = database.rows("select * from marts.creator_stats")[0]
    assert (stats["scraped_video_count"], stats["linked_video_count"], stats["spotify_track_count"]) == (48, 36, 32)


def test_a_second_scrape_updates_counts_and_keeps_both_observations(scrape, database, sandbox):
    scrape("idazeile")
    video = max(sandbox.world.creators["idazeile"].videos, key=lambda v: v.created)
    video.plays += 1000
    sandbox.world.creators["idazeile"].followers += 5
    before = len(sandbox.requests("tiktok"))

    result = scrape("idazeile")

    assert (result.state, result.new_videos) == ("done", 0)
    assert len(sandbox.requests("tiktok")) - before == 2, "the profile and the first page"
    assert count(database, "catalog.tiktok_scraped_videos") == 24
    assert count(database, "catalog.tiktok_creators") == 1
    where = f"video_id = '{video.id}'"
    plays = database.rows(f"select play_count from history.video_observations where {where} order by scraped_at")
    assert [row["play_count"] for row in plays] == [video.plays - 1000, video.plays]
    newest = database.rows(f"select play_count from catalog.tiktok_scraped_videos where {where}")
    assert newest[0]["play_count"] == video.plays
    growth = database.rows("select * from marts.creator_growth order by scraped_at")
    assert [row["follower_change"] for row in growth] == [None, 5]
    assert [row["view_change"] for row in growth] == [None, 1000]


def test_a_song_link_that_moves_takes_its_counts_along(scrape, database, sandbox):
    scrape("idazeile")
    newest = sorted(sandbox.world.creators["idazeile"].videos, key=lambda v: v.created)[-5:]
    video = next(v for v in newest if v.sound and v.sound.spotify_id)
    old = video.sound.spotify_id
    alone = count(database, f"catalog.tiktok_scraped_videos where spotify_track_id = '{old}'")
    new = next(s for s in SOUNDS.values() if s.spotify_id and s.spotify_id != old)
    video.sound = new

    scrape("idazeile")

    counts = {
        row["spotify_track_id"]: row["video_count"] for row in database.rows("select * from catalog.creator_tracks")
    }
    assert counts[old] == alone - 1
    assert counts[new.spotify_id] == count(
        database, f"catalog.tiktok_scraped_videos where spotify_track_id = '{new.spotify_id}'"
    )


@pytest.mark.parametrize(
    ("handle", "state", "status", "words"),
    [
        ("quietroom", "done", "active", "no public videos"),
        ("private.keys", "private", "private", "is private"),
        ("members.only", "private", "restricted", "logged-in"),
        ("gone.tomorrow", "not_found", "banned", "banned or deleted"),
        ("nobody.at.all", "not_found", "not_found", "no TikTok account"),
    ],
)
def test_what_tiktok_says_of_an_account_is_a_state_and_a_sentence(scrape, database, handle, state, status, words):
    result = scrape(handle)

    assert result.state == state
    assert words in result.message
    assert creator(database, handle)["status"] == status
    assert result.message.count("\n") == 0


@pytest.mark.parametrize("handle", ["blocked.page", "login.wall"])
def test_a_page_that_refuses_us_says_nothing_of_the_creator(scrape, database, handle):
    result = scrape(handle)

    assert result.state == "blocked"
    assert count(database, "catalog.tiktok_creators") == 0
    assert database.rows("select ended from raw.stage_runs") == [{"ended": "blocked"}]


def test_an_empty_listing_answer_is_a_block_not_a_creator_without_videos(scrape, database):
    result = scrape("empty.answers")

    assert (result.state, result.videos) == ("blocked", 0)
    assert "empty answer" in result.message
    row = creator(database, "empty.answers")
    assert row["status"] == "active"
    assert row["video_count"] > 0


def test_a_refusal_later_overwrites_nothing_with_zero(scrape, database, sandbox):
    scrape("idazeile")
    before = creator(database, "idazeile")
    sandbox.faults.add("tiktok", "html", path="@idazeile")

    assert scrape("idazeile").state == "blocked"

    after = creator(database, "idazeile")
    assert {k: after[k] for k in ("follower_count", "video_count", "status")} == {
        k: before[k] for k in ("follower_count", "video_count", "status")
    }


def test_a_closed_account_keeps_what_was_known_of_it(scrape, database, sandbox):
    scrape("idazeile")
    followers = creator(database, "idazeile")["follower_count"]
    sandbox.world.creators["idazeile"].status = "banned"

    assert scrape("idazeile").state == "not_found"

    row = creator(database, "idazeile")
    assert (row["status"], row["follower_count"]) == ("banned", followers)
    assert count(database, "catalog.tiktok_scraped_videos") == 24


def test_the_embed_page_names_a_creator_whose_profile_page_is_empty(scrape, database, sandbox):
    result = scrape("shell.only")

    assert (result.state, result.videos) == ("done", 5)
    assert creator(database, "shell.only")["sec_uid"] == sandbox.world.creators["shell.only"].sec_uid


def test_an_embed_page_that_is_missing_says_nothing_of_the_creator(scrape, database, sandbox):
    sandbox.faults.add("tiktok", "status", path="embed", status=404, times=None)

    assert scrape("shell.only").state == "partial"
    assert count(database, "catalog.tiktok_creators") == 0


@pytest.mark.parametrize("body", [{"statusCode": 0}, {"statusCode": 0, "itemList": [], "hasMorePrevious": False}])
def test_a_listing_that_is_suddenly_empty_is_not_believed(scrape, database, sandbox, body):
    scrape("idazeile")
    sandbox.faults.add("tiktok", "json", path="item_list", body=body)

    result = scrape("idazeile")

    assert result.state == "partial"
    assert "though the creator has videos" in result.message
    assert database.rows("select is_complete from queues.last_listings") == [{"is_complete": False}]


def test_a_listing_is_never_stored_before_its_videos(scrape, database, monkeypatch):
    """A kill between the commits of a chunk: the listing row must not vouch for videos that are not there."""
    from pipelines import load

    written = []
    run_dlt = load._run_dlt

    def killed_at_the_second_commit(url, table, rows):
        if written:
            raise KeyboardInterrupt
        written.append(table)
        run_dlt(url, table, rows)

    monkeypatch.setattr(load, "_run_dlt", killed_at_the_second_commit)
    with pytest.raises(KeyboardInterrupt):
        scrape("idazeile")
    monkeypatch.undo()
    assert count(database, "raw.tiktok_listings") == 0
    assert database.rows("select ended from raw.stage_runs") == [{"ended": "interrupted"}]

    scrape("idazeile")

    assert count(database, "catalog.tiktok_scraped_videos") == 24


def test_a_limited_scrape_over_new_videos_costs_no_reading_of_all_the_old(scrape, database, sandbox):
    scrape("gioscottii")
    for _ in range(8):
        sandbox.world.post("gioscottii", None)
    scrape("gioscottii", limit=3)
    before = len(sandbox.requests("tiktok"))

    scrape("gioscottii")

    assert len(sandbox.requests("tiktok")) - before < 5
    assert count(database, "catalog.tiktok_scraped_videos") == 56


def test_a_listing_that_repeats_itself_ends_and_says_so(scrape, database, sandbox):
    result = scrape("same.page")

    assert (result.state, result.videos) == ("partial", 15)
    assert "same page" in result.message
    pages = sandbox.requests("tiktok", "/api/creator/item_list")
    assert len({request.query["device_id"] for request in pages}) > 1


def test_what_was_read_before_a_refusal_is_kept_and_the_next_run_goes_on_behind_it(scrape, database, sandbox):
    result = scrape("halfway")

    assert (result.state, result.videos) == ("partial", 15)
    assert count(database, "catalog.tiktok_scraped_videos") == 15
    assert database.rows("select is_complete from queues.last_listings") == [{"is_complete": False}]

    sandbox.world.creators["halfway"].listing = "whole"
    again = scrape("halfway")

    assert (again.state, again.new_videos) == ("done", 15)
    assert count(database, "catalog.tiktok_scraped_videos") == 30
    assert database.rows("select is_complete from queues.last_listings") == [{"is_complete": True}]


@pytest.mark.parametrize("limit", [1, 15, 20])
def test_limit_is_exact_and_the_rest_is_read_without_it(scrape, database, limit):
    assert scrape("idazeile", limit=limit).videos == limit
    assert count(database, "catalog.tiktok_scraped_videos") == limit

    scrape("idazeile")

    assert count(database, "catalog.tiktok_scraped_videos") == 24


def test_a_creator_read_to_the_end_stays_so_when_a_limited_scrape_meets_what_is_known(scrape, database, sandbox):
    scrape("gioscottii")
    sandbox.world.post("gioscottii", None)
    scrape("gioscottii", limit=5)
    before = len(sandbox.requests("tiktok"))

    assert scrape("gioscottii").new_videos == 0
    assert len(sandbox.requests("tiktok")) - before == 2


def test_full_reads_to_the_end_though_nothing_is_new(scrape, database):
    scrape("idazeile")

    assert scrape("idazeile", full=True).videos == 24
    assert count(database, "history.video_observations") == 48


def test_pages_without_their_listing_row_are_read_again(scrape, database):
    """A killed run leaves videos behind, but no word that what is older was read."""
    scrape("idazeile", limit=15)
    with database.connect() as connection:
        connection.execute("truncate raw.tiktok_listings")

    scrape("idazeile")

    assert count(database, "catalog.tiktok_scraped_videos") == 24


def test_pages_behind_the_last_listing_row_count_as_unread(scrape, database):
    """The same, with a listing row from before the kill: what was seen after it is not known."""
    scrape("idazeile", limit=15)
    first_page = database.rows("select min(answered_at) as at from raw.tiktok_videos")[0]["at"]
    with database.connect() as connection:
        connection.execute(
            """
            update raw.tiktok_listings
            set answered_at = first_page.answered_at,
                payload = payload || jsonb_build_object('resume_cursor', first_page.oldest * 1000)
            from (
                select answered_at, min((payload ->> 'createTime')::bigint) as oldest
                from raw.tiktok_videos group by 1 order by 1 limit 1
            ) as first_page
            """
        )
    on_it = count(database, f"raw.tiktok_videos where answered_at = '{first_page}'")

    assert scrape("idazeile").new_videos == 24 - on_it


def test_broken_text_and_secrets_are_cleaned_and_the_row_says_so(scrape, database):
    scrape("idazeile")

    rows = database.rows("select payload::text as payload, sanitised from raw.tiktok_videos")
    assert len(rows) == 24
    assert all(row["sanitised"] for row in rows)
    text = "".join(row["payload"] for row in rows)
    assert "canary" not in text
    assert "x-signature" not in text
    assert "\ufffd" in text


def test_a_hiccup_is_tried_again_and_leaves_no_trace(scrape, database, sandbox):
    for kind in ("drop", "truncated", "status"):
        sandbox.faults.add("tiktok", kind, path="item_list")

    assert scrape("idazeile").state == "done"
    assert count(database, "catalog.tiktok_scraped_videos") == 24


def test_a_service_that_stays_broken_makes_the_scrape_partial(scrape, sandbox):
    sandbox.faults.add("tiktok", "status", path="item_list", times=None)

    result = scrape("idazeile")

    assert result.state == "partial"
    assert "503" in result.message


def test_tiktok_is_not_asked_before_the_time_it_named(scrape, sandbox):
    sandbox.faults.add("tiktok", "status", status=429, headers={"Retry-After": "7200"})
    assert scrape("idazeile").state == "blocked"
    before = len(sandbox.requests("tiktok"))

    assert "asked again from" in scrape("gioscottii").message
    assert len(sandbox.requests("tiktok")) == before


def test_a_cookie_that_tiktok_echoes_is_never_stored(database, transform, sandbox, data_dir):
    item = {"id": "7500000000000000001", "createTime": 1, "desc": "sessionid=canary-cookie"}
    sandbox.faults.add("tiktok", "json", path="item_list", body={"statusCode": 0, "itemList": [item]})
    with_cookie = make_settings(data_dir, sandbox, tiktok_cookie="sessionid=canary-cookie\n")

    assert scrape_creator(with_cookie, database, transform, "idazeile").videos == 1

    stored = database.rows("select payload ->> 'desc' as text from raw.tiktok_videos")
    assert stored == [{"text": "***"}]
