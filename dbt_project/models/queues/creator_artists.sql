with creator_tracks as (

    select * from {{ ref('creator_tracks') }}
    where video_count > 0

),

track_artists as (

    select * from {{ ref('spotify_track_artists') }}

)

select distinct
    creator_tracks.tiktok_handle,
    track_artists.spotify_artist_id
from creator_tracks
inner join track_artists on creator_tracks.spotify_track_id = track_artists.spotify_track_id
