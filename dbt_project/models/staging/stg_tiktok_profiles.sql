with source as (

    select * from {{ source('raw', 'tiktok_profiles') }}

),

unpacked as (

    select
        source.*,
        payload -> 'userInfo' -> 'user' as profile_user,
        payload -> 'itemStruct' -> 'author' as video_author,
        coalesce(payload -> 'userInfo' -> 'stats', payload -> 'itemStruct' -> 'authorStats') as stats,
        -- exact, where stats is rounded
        coalesce(payload -> 'userInfo' -> 'statsV2', payload -> 'itemStruct' -> 'authorStatsV2') as stats_v2,
        {{ to_bigint("payload ->> 'statusCode'") }} as status_code
    from source

),

renamed as (

    select
        key as tiktok_handle,
        outcome,
        case
            when outcome not in ('found', 'not_found') then null
            when status_code = 10202 then 'banned'
            when status_code = 10221 then 'not_found'
            when status_code = 10222 or profile_user ->> 'privateAccount' = 'true' then 'private'
            when status_code = 209002 then 'restricted'
            when outcome = 'found' then 'active'
        end as status,
        {{ to_id("coalesce(profile_user ->> 'secUid', video_author ->> 'secUid')") }} as sec_uid,
        nullif(coalesce(profile_user ->> 'nickname', video_author ->> 'nickname'), '') as name,
        coalesce(
            {{ to_bigint("stats_v2 ->> 'followerCount'") }}, {{ to_bigint("stats ->> 'followerCount'") }}
        ) as follower_count,
        coalesce(
            {{ to_bigint("stats_v2 ->> 'followingCount'") }}, {{ to_bigint("stats ->> 'followingCount'") }}
        ) as following_count,
        coalesce(
            {{ to_bigint("stats_v2 ->> 'heartCount'") }}, {{ to_bigint("stats ->> 'heartCount'") }}
        ) as heart_count,
        coalesce(
            {{ to_bigint("stats_v2 ->> 'videoCount'") }}, {{ to_bigint("stats ->> 'videoCount'") }}
        ) as video_count,
        payload as raw_data,
        answered_at as scraped_at,
        run_id,
        ingest_xid,
        _dlt_id as raw_row_id
    from unpacked

)

select * from renamed
