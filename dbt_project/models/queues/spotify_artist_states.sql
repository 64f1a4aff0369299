with keys as (

    select * from {{ ref('spotify_artist_keys') }}
    where video_count > 0

)

select
    *,
    {{ key_state() }} as state
from keys
