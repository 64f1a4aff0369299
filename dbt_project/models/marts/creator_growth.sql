with scrapes as (

    select
        tiktok_handle,
        scraped_at,
        follower_count,
        video_count
    from {{ ref('creator_observations') }}
    where follower_count is not null

),

-- how each observation of a video moved the creator's views
view_changes as (

    select
        tiktok_handle,
        scraped_at,
        play_count - coalesce(lag(play_count) over (partition by video_id order by scraped_at), 0) as view_change
    from {{ ref('video_observations') }}
    where play_count is not null

),

-- a scrape's views are those that are known when the next one begins
numbered as (

    select
        events.*,
        count(events.follower_count) over (
            partition by events.tiktok_handle
            order by events.scraped_at, events.follower_count nulls last
        ) as scrape_number
    from (
        select
            tiktok_handle,
            scraped_at,
            follower_count,
            video_count,
            0 as view_change
        from scrapes
        union all
        select
            tiktok_handle,
            scraped_at,
            null as follower_count,
            null as video_count,
            view_change
        from view_changes
    ) as events

),

by_scrape as (

    select
        tiktok_handle,
        min(scraped_at) filter (where follower_count is not null) as scraped_at,
        min(follower_count) as follower_count,
        min(video_count) as video_count,
        sum(sum(view_change)) over (partition by tiktok_handle order by scrape_number)::bigint as total_views
    from numbered
    group by tiktok_handle, scrape_number

)

select
    tiktok_handle,
    scraped_at,
    follower_count,
    follower_count - lag(follower_count) over scrapes_before as follower_change,
    video_count,
    video_count - lag(video_count) over scrapes_before as video_change,
    total_views,
    total_views - lag(total_views) over scrapes_before as view_change
from by_scrape
where follower_count is not null
window scrapes_before as (partition by tiktok_handle order by scraped_at)
