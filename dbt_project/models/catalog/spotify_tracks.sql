{{ config(
    unique_key='spotify_track_id',
    meta={'indexes': [['isrc'], ['ingest_xid']]}
) }}

with newest as (

    select distinct on (spotify_track_id) *
    from {{ ref('stg_spotify_tracks') }}
    where outcome = 'found' and {{ is_unread() }}
    -- of two answers of one moment the first that was written, here as in a later round
    order by spotify_track_id asc, fetched_at desc, ingest_xid asc, raw_row_id asc

)

select
    newest.spotify_track_id,
    newest.title,
    newest.artists,
    newest.artist_ids,
    newest.album,
    newest.isrc,
    newest.release_date,
    newest.release_date_precision,
    newest.duration_ms,
    newest.popularity,
    newest.raw_data,
    newest.fetched_at,
    clock_timestamp() as updated_at,
    pg_current_xact_id() as ingest_xid
from newest
{{ keep_newer('newest', 'spotify_track_id', 'fetched_at') }}
