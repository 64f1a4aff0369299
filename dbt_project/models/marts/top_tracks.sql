-- no CTE and no order: Postgres sees through the view to the index on total_views when people ask for the first few
select
    states.key as spotify_track_id,
    tracks.title,
    tracks.artists,
    tracks.isrc,
    states.video_count,
    states.creator_count,
    states.total_views,
    states.state
from {{ ref('spotify_track_states') }} as states
left join {{ ref('spotify_tracks') }} as tracks on states.key = tracks.spotify_track_id
