{{ config(
    materialized='incremental',
    contract={'enforced': true},
    unique_key='key',
    indexes=[{'columns': ['total_views']}, {'columns': ['ask_again_at']}, {'columns': ['ingest_xid']}]
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

judged as (

    {{ judge_keys('lookups', 'counted', refresh_days=90) }}

)

select
    counted.key,
    counted.video_count,
    counted.creator_count,
    counted.total_views,
    {{ 'coalesce(present.known_since, now())' if is_incremental() else 'now()' }} as known_since,
    coalesce(judged.is_enriched, false) as is_enriched,
    coalesce(judged.is_invalid, false) as is_invalid,
    judged.last_outcome,
    judged.last_answered_at,
    judged.ask_again_at,
    pg_current_xact_id() as ingest_xid
from counted
left join judged on counted.key = judged.key
{% if is_incremental() %}
    left join {{ this }} as present on counted.key = present.key
{% endif %}
