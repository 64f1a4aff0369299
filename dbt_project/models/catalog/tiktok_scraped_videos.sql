{{ config(
    unique_key='video_id',
    meta={'indexes': [['tiktok_handle', 'spotify_track_id'], ['tiktok_handle', 'scraped_at'], ['spotify_track_id'], ['ingest_xid']]}
) }}

with newest as (

    select distinct on (video_id) *
    from {{ ref('stg_tiktok_videos') }}
    where outcome = 'found' and {{ is_unread() }}
    -- of two answers of one moment the first that was written, here as in a later round
    order by video_id asc, scraped_at desc, ingest_xid asc, raw_row_id asc

)

select
    newest.video_id,
    newest.tiktok_handle,
    newest.spotify_track_id,
    newest.apple_music_id,
    newest.copyright_status,
    newest.copyright_evidence,
    newest.play_count,
    newest.like_count,
    newest.comment_count,
    newest.share_count,
    newest.collect_count,
    newest.created_at,
    newest.music_id,
    newest.music_title,
    newest.is_original_sound,
    newest.scraped_at,
    newest.raw_data,
    newest.scraped_at as fetched_at,
    clock_timestamp() as updated_at,
    pg_current_xact_id() as ingest_xid
from newest
{{ keep_newer('newest', 'video_id', 'scraped_at') }}
