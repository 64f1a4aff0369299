with keys as (

    select * from {{ ref('spotify_track_states') }}

),

tracks as (

    select * from {{ ref('spotify_tracks') }}

)

select
    keys.key as spotify_track_id,
    tracks.title,
    tracks.artists,
    tracks.isrc,
    keys.video_count,
    keys.creator_count,
    keys.total_views,
    keys.state
from keys
left join tracks on keys.key = tracks.spotify_track_id
order by keys.total_views desc, keys.key asc
