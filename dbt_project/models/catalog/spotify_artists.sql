{{ config(
    unique_key='spotify_artist_id',
    meta={'indexes': [['ingest_xid']]}
) }}

with newest as (

    select distinct on (spotify_artist_id) *
    from {{ ref('stg_spotify_artists') }}
    where outcome = 'found' and {{ is_unread() }}
    -- of two answers of one moment the first that was written, here as in a later round
    order by spotify_artist_id asc, fetched_at desc, ingest_xid asc, raw_row_id asc

)

select
    newest.spotify_artist_id,
    newest.name,
    newest.genres,
    newest.popularity,
    newest.followers,
    newest.raw_data,
    newest.fetched_at,
    clock_timestamp() as updated_at,
    pg_current_xact_id() as ingest_xid
from newest
{{ keep_newer('newest', 'spotify_artist_id', 'fetched_at') }}
