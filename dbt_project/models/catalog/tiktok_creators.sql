{{ config(
    unique_key='tiktok_handle',
    meta={'indexes': [['sec_uid'], ['ingest_xid']]}
) }}

with profiles as not materialized (

    select * from {{ ref('stg_tiktok_profiles') }}
    where status is not null

),

videos as not materialized (

    select * from {{ ref('tiktok_scraped_videos') }}

),

changed as (

    select tiktok_handle from profiles
    where {{ is_unread() }}
    union
    select tiktok_handle from videos
    where {{ is_unread() }} and tiktok_handle <> '(unknown)'

),

-- a page that says "no such account" ends the account, not what was known of it
newest as (

    select
        changed.tiktok_handle,
        answer.status,
        answer.scraped_at as answered_at,
        profile.scraped_at as profile_at,
        profile.sec_uid,
        profile.name,
        profile.follower_count,
        profile.following_count,
        profile.heart_count,
        profile.video_count,
        profile.raw_data,
        video.scraped_at as video_at,
        video.raw_data as video_data
    from changed
    left join lateral (
        select * from profiles
        where profiles.tiktok_handle = changed.tiktok_handle
        order by profiles.scraped_at desc
        limit 1
    ) as answer on true
    left join lateral (
        select * from profiles
        where profiles.tiktok_handle = changed.tiktok_handle and profiles.outcome = 'found'
        order by profiles.scraped_at desc
        limit 1
    ) as profile on true
    left join lateral (
        select * from videos
        where videos.tiktok_handle = changed.tiktok_handle
        order by videos.scraped_at desc
        limit 1
    ) as video on true

)

select
    tiktok_handle,
    coalesce(sec_uid, nullif(video_data -> 'author' ->> 'secUid', '')) as sec_uid,
    coalesce(name, nullif(video_data -> 'author' ->> 'nickname', '')) as name,
    -- creators who are known by an imported video only
    coalesce(follower_count, {{ to_bigint("video_data -> 'authorStatsV2' ->> 'followerCount'") }}) as follower_count,
    coalesce(following_count, {{ to_bigint("video_data -> 'authorStatsV2' ->> 'followingCount'") }}) as following_count,
    coalesce(heart_count, {{ to_bigint("video_data -> 'authorStatsV2' ->> 'heartCount'") }}) as heart_count,
    coalesce(video_count, {{ to_bigint("video_data -> 'authorStatsV2' ->> 'videoCount'") }}) as video_count,
    coalesce(status, 'active') as status,
    greatest(answered_at, video_at) as last_scraped_at,
    coalesce(raw_data, video_data -> 'author') as raw_data,
    coalesce(profile_at, video_at, answered_at) as fetched_at,
    clock_timestamp() as updated_at,
    pg_current_xact_id() as ingest_xid
from newest
