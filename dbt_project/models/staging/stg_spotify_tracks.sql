with source as (

    select * from {{ source('raw', 'spotify_tracks') }}

),

unpacked as (

    select
        *,
        {{ to_array("payload -> 'artists'") }} as artists
    from source

),

renamed as (

    select
        key as spotify_track_id,
        outcome,
        nullif(payload ->> 'name', '') as title,
        array(
            select credits.artist ->> 'name'
            from jsonb_array_elements(artists) with ordinality as credits (artist, number)
            where credits.artist ->> 'name' is not null
            order by credits.number
        ) as artists,
        array(
            select {{ to_id("credits.artist ->> 'id'") }}
            from jsonb_array_elements(artists) with ordinality as credits (artist, number)
            where {{ to_id("credits.artist ->> 'id'") }} is not null
            order by credits.number
        ) as artist_ids,
        nullif(payload -> 'album' ->> 'name', '') as album,
        {{ to_isrc("payload -> 'external_ids' ->> 'isrc'") }} as isrc,
        {{ to_date("payload -> 'album' ->> 'release_date'") }} as release_date,
        nullif(payload -> 'album' ->> 'release_date_precision', '') as release_date_precision,
        {{ to_bigint("payload ->> 'duration_ms'") }} as duration_ms,
        {{ to_bigint("payload ->> 'popularity'") }} as popularity,
        payload as raw_data,
        answered_at as fetched_at,
        ingest_xid,
        _dlt_id as raw_row_id
    from unpacked

)

select * from renamed
