{{ config(
    unique_key=['tiktok_handle', 'spotify_track_id'],
    meta={'indexes': [['spotify_track_id'], ['ingest_xid']]}
) }}

with observations as not materialized (

    select * from {{ ref('video_observations') }}

),

videos as not materialized (

    select * from {{ ref('tiktok_scraped_videos') }}

),

-- both tables read raw for themselves, so that either may be a row ahead of the other
changed_videos as (

    select video_id from videos
    where {{ is_unread() }}
    union
    select video_id from observations
    where {{ is_unread() }}

),

-- of a changed video also the pairs it belonged to before: a link may go as it came
changed as (

    select
        videos.tiktok_handle,
        videos.spotify_track_id
    from videos
    inner join changed_videos on videos.video_id = changed_videos.video_id
    where videos.spotify_track_id is not null
    union
    select
        observations.tiktok_handle,
        observations.spotify_track_id
    from observations
    inner join changed_videos on observations.video_id = changed_videos.video_id
    where observations.spotify_track_id is not null

)

select
    changed.tiktok_handle,
    changed.spotify_track_id,
    count(videos.video_id) as video_count,
    coalesce(sum(videos.play_count), 0)::bigint as total_views,
    pg_current_xact_id() as ingest_xid
from changed
left join videos
    on changed.tiktok_handle = videos.tiktok_handle and changed.spotify_track_id = videos.spotify_track_id
group by changed.tiktok_handle, changed.spotify_track_id
