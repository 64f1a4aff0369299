{{ config(
    unique_key=['tiktok_handle', 'scraped_at'],
    meta={'indexes': [['ingest_xid']]}
) }}

with unread as (

    select distinct on (tiktok_handle, scraped_at) *
    from {{ ref('stg_tiktok_profiles') }}
    where status is not null and {{ is_unread() }}
    order by tiktok_handle asc, scraped_at asc, ingest_xid asc, raw_row_id asc

)

select
    tiktok_handle,
    scraped_at,
    status,
    sec_uid,
    name,
    follower_count,
    following_count,
    heart_count,
    video_count,
    pg_current_xact_id() as ingest_xid
from unread
