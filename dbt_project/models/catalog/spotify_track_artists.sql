-- all artists of a changed track are replaced together
{{ config(
    unique_key='spotify_track_id',
    meta={'indexes': [['spotify_artist_id'], ['ingest_xid']]}
) }}

with tracks as (

    select * from {{ ref('spotify_tracks') }}
    where {{ is_unread() }}

)

select distinct on (tracks.spotify_track_id, listed.spotify_artist_id)
    tracks.spotify_track_id,
    listed.spotify_artist_id,
    listed.position::integer as position,
    'spotify' as match_method,
    1::numeric as match_confidence,
    tracks.fetched_at as matched_at,
    pg_current_xact_id() as ingest_xid
from tracks
cross join lateral unnest(tracks.artist_ids) with ordinality as listed (spotify_artist_id, position)
order by tracks.spotify_track_id asc, listed.spotify_artist_id asc, listed.position asc
