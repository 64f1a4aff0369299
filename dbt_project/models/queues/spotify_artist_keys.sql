{{ config(
    materialized='incremental',
    contract={'enforced': true},
    unique_key='key',
    meta={'indexes': [['total_views'], ['ask_again_at'], ['ingest_xid']]}
) }}

with lookups as not materialized (

    select
        spotify_artist_id as key,
        outcome,
        fetched_at as answered_at,
        ingest_xid
    from {{ ref('stg_spotify_artists') }}

),

track_artists as not materialized (

    select * from {{ ref('spotify_track_artists') }}

),

creator_tracks as not materialized (

    select * from {{ ref('creator_tracks') }}

),

changed as (

    select spotify_artist_id as key from track_artists
    where {{ is_unread() }}
    union
    select track_artists.spotify_artist_id as key
    from creator_tracks
    inner join track_artists on creator_tracks.spotify_track_id = track_artists.spotify_track_id
    where {{ is_unread('creator_tracks.ingest_xid') }}
    union
    select key from lookups
    where {{ is_unread() }}

),

-- only what the catalog knows is a key: a lookup without a track behind it waits for its track
counted as (

    select
        changed.key,
        sum(creator_tracks.video_count)::bigint as video_count,
        count(distinct creator_tracks.tiktok_handle) filter (where creator_tracks.video_count > 0) as creator_count,
        sum(creator_tracks.total_views)::bigint as total_views
    from changed
    inner join track_artists on changed.key = track_artists.spotify_artist_id
    inner join creator_tracks on track_artists.spotify_track_id = creator_tracks.spotify_track_id
    group by changed.key

),

{{ keep_keys(refresh_days=90) }}
