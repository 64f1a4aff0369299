with scrapes as (

    select
        *,
        lead(scraped_at) over (partition by tiktok_handle order by scraped_at) as next_scraped_at
    from {{ ref('creator_observations') }}
    where follower_count is not null

),

videos as (

    select * from {{ ref('video_observations') }}

),

-- what was known of each video until the next scrape began
viewed as (

    select
        scrapes.tiktok_handle,
        scrapes.scraped_at,
        scrapes.follower_count,
        scrapes.video_count,
        seen.total_views
    from scrapes
    cross join lateral (
        select coalesce(sum(newest.play_count), 0)::bigint as total_views
        from (
            select distinct on (videos.video_id) videos.play_count
            from videos
            where
                videos.tiktok_handle = scrapes.tiktok_handle
                and videos.scraped_at < coalesce(scrapes.next_scraped_at, 'infinity')
            order by videos.video_id asc, videos.scraped_at desc
        ) as newest
    ) as seen

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
from viewed
window scrapes_before as (partition by tiktok_handle order by scraped_at)
