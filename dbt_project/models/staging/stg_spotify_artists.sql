with source as (

    select * from {{ source('raw', 'spotify_artists') }}

),

unpacked as (

    select
        *,
        {{ to_array("payload -> 'genres'") }} as genres
    from source

),

renamed as (

    select
        key as spotify_artist_id,
        outcome,
        nullif(payload ->> 'name', '') as name,
        array(
            select listed.genre
            from jsonb_array_elements_text(genres) with ordinality as listed (genre, number)
            where listed.genre is not null
            order by listed.number
        ) as genres,
        {{ to_bigint("payload ->> 'popularity'") }} as popularity,
        {{ to_bigint("payload -> 'followers' ->> 'total'") }} as followers,
        payload as raw_data,
        answered_at as fetched_at,
        ingest_xid,
        _dlt_id as raw_row_id
    from unpacked

)

select * from renamed
