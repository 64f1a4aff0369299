with creators as (

    select * from {{ ref('tiktok_creators') }}

),

listings as (

    select * from {{ ref('stg_tiktok_listings') }}

)

select
    creators.tiktok_handle,
    last_listing.is_complete,
    last_listing.resume_cursor,
    last_listing.video_count,
    last_listing.new_video_count,
    last_listing.outcome,
    last_listing.ended,
    last_listing.listed_at,
    last_listing.run_id
from creators
cross join lateral (
    select * from listings
    where listings.sec_uid = creators.sec_uid
    -- the last word of an attempt may be of the same moment as its last checkpoint
    order by listings.listed_at desc, (listings.ended <> 'reading') desc
    limit 1
) as last_listing
