with creators as (

    select * from {{ ref('tiktok_creators') }}

),

creator_tracks as (

    select * from {{ ref('creator_tracks') }}
    where video_count > 0

),

states as (

    select * from {{ ref('spotify_track_states') }}

),

by_creator as (

    select
        creators.tiktok_handle,
        {{ count_states() }}
    from creators
    left join creator_tracks on creators.tiktok_handle = creator_tracks.tiktok_handle
    left join states on creator_tracks.spotify_track_id = states.key
    group by creators.tiktok_handle

),

all_creators as (

    select
        '*' as tiktok_handle,
        {{ count_states() }}
    from states

),

stages as (

    select
        'Spotify Tracks' as stage,
        1 as stage_number,
        counted.*
    from (
        select * from by_creator
        union all
        select * from all_creators
    ) as counted

)

select
    tiktok_handle,
    stage,
    stage_number,
    total,
    enriched,
    due,
    waiting,
    unmatched,
    invalid,
    coalesce(round(100.0 * enriched / nullif(total, 0), 1), 0) as pct
from stages
