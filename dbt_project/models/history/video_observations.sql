{{ config(
    unique_key=['video_id', 'scraped_at'],
    meta={'indexes': [['tiktok_handle', 'scraped_at'], ['ingest_xid']]}
) }}

with unread as (

    -- raw is at-least-once: a row that landed twice is one observation, the first that was written
    select distinct on (video_id, scraped_at) *
    from {{ ref('stg_tiktok_videos') }}
    where outcome = 'found' and {{ is_unread() }}
    order by video_id asc, scraped_at asc, ingest_xid asc, raw_row_id asc

)

select
    unread.video_id,
    unread.scraped_at,
    unread.tiktok_handle,
    unread.spotify_track_id,
    unread.copyright_status,
    unread.play_count,
    unread.like_count,
    unread.comment_count,
    unread.share_count,
    unread.collect_count,
    unread.run_id as scrape_run_id,
    pg_current_xact_id() as ingest_xid
from unread
{% if is_incremental() %}
left join {{ this }} as present on unread.video_id = present.video_id and unread.scraped_at = present.scraped_at
where present.video_id is null
{% endif %}
