{{ config(
    materialized='incremental',
    contract={'enforced': true},
    unique_key='key',
    meta={'indexes': [['total_views'], ['ask_again_at'], ['ingest_xid']]}
) }}

with lookups as not materialized (

    select
        spotify_track_id as key,
        outcome,
        fetched_at as answered_at,
        ingest_xid
    from {{ ref('stg_spotify_tracks') }}

),

creator_tracks as not materialized (

    select * from {{ ref('creator_tracks') }}

),

changed as (

    select spotify_track_id as key from creator_tracks
    where {{ is_unread() }}
    union
    select key from lookups
    where {{ is_unread() }}

),

-- only what the catalog knows is a key: a lookup without a video behind it waits for its video
counted as (

    select
        creator_tracks.spotify_track_id as key,
        sum(creator_tracks.video_count)::bigint as video_count,
        count(*) filter (where creator_tracks.video_count > 0) as creator_count,
        sum(creator_tracks.total_views)::bigint as total_views
    from creator_tracks
    inner join changed on creator_tracks.spotify_track_id = changed.key
    group by creator_tracks.spotify_track_id

),

{{ keep_keys(refresh_days=90) }}
