with creators as (

    select * from {{ ref('tiktok_creators') }}

),

observations as (

    select * from {{ ref('video_observations') }}

),

listings as not materialized (

    select * from {{ ref('stg_tiktok_listings') }}

),

-- pages that a killed run read count only up to the listing row that it left behind them, imported videos not at all
listed as (

    select
        observations.tiktok_handle,
        creators.sec_uid,
        observations.video_id,
        min(observations.scraped_at) as first_listed_at
    from observations
    inner join creators on observations.tiktok_handle = creators.tiktok_handle
    where
        exists (
            select 1
            from listings
            where
                listings.sec_uid = creators.sec_uid
                and listings.run_id = observations.scrape_run_id
                and listings.listed_at >= observations.scraped_at
        )
    group by observations.tiktok_handle, creators.sec_uid, observations.video_id

)

select
    listed.tiktok_handle,
    listed.video_id,
    coalesce(listed.first_listed_at <= complete.listed_at, false) as is_settled
from listed
left join lateral (
    select max(listings.listed_at) as listed_at
    from listings
    where listings.sec_uid = listed.sec_uid and listings.is_complete
) as complete on true
