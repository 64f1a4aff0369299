with source as (

    select * from {{ source('raw', 'tiktok_listings') }}

),

renamed as (

    select
        key as sec_uid,
        payload ->> 'handle' as tiktok_handle,
        outcome,
        {{ to_bigint("payload ->> 'pages'") }} as page_count,
        {{ to_bigint("payload ->> 'videos'") }} as video_count,
        {{ to_bigint("payload ->> 'new_videos'") }} as new_video_count,
        coalesce({{ to_boolean("payload ->> 'complete'") }}, false) as is_complete,
        payload ->> 'ended' as ended,
        {{ to_bigint("payload ->> 'resume_cursor'") }} as resume_cursor,
        answered_at as listed_at,
        run_id,
        ingest_xid
    from source

)

select * from renamed
