select key
from {{ ref('queue_spotify_tracks') }}
group by key
having count(*) > 1
