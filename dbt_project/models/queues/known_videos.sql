with videos as (

    select * from {{ ref('tiktok_scraped_videos') }}

),

creators as (

    select * from {{ ref('tiktok_creators') }}

),

listings as (

    select * from {{ ref('stg_tiktok_listings') }}

)

select
    videos.tiktok_handle,
    videos.video_id,
    videos.scraped_at > now() - interval '7 days' as is_fresh
from videos
inner join creators on videos.tiktok_handle = creators.tiktok_handle
-- pages that a killed run read count only up to the listing row that it left behind them
where
    exists (
        select 1
        from listings
        where
            listings.sec_uid = creators.sec_uid
            and listings.run_id = videos.scrape_run_id
            and listings.listed_at >= videos.scraped_at
    )
