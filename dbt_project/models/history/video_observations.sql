{{ config(
    unique_key=['video_id', 'scraped_at'],
    indexes=[{'columns': ['tiktok_handle', 'scraped_at']}, {'columns': ['ingest_xid']}]
) }}

with unread as (

    -- raw is at-least-once: a row that landed twice is one observation
    select distinct on (video_id, scraped_at) *
    from {{ ref('stg_tiktok_videos') }}
    where {{ is_unread() }}
    order by video_id asc, scraped_at asc

)

select
    video_id,
    scraped_at,
    tiktok_handle,
    spotify_track_id,
    copyright_status,
    play_count,
    like_count,
    comment_count,
    share_count,
    collect_count,
    pg_current_xact_id() as ingest_xid
from unread
