with creators as (

    select * from {{ ref('tiktok_creators') }}

),

videos as (

    select * from {{ ref('tiktok_scraped_videos') }}

)

select
    creators.tiktok_handle,
    creators.name,
    creators.status,
    creators.follower_count,
    creators.video_count as profile_video_count,
    creators.last_scraped_at,
    count(videos.video_id) as scraped_video_count,
    count(*) filter (where videos.copyright_status = 'copyrighted') as copyrighted_video_count,
    count(*) filter (where videos.copyright_status = 'copyright-free') as copyright_free_video_count,
    count(*) filter (where videos.copyright_status = 'unknown') as unknown_video_count,
    count(videos.spotify_track_id) as linked_video_count,
    count(distinct videos.spotify_track_id) as spotify_track_count,
    coalesce(sum(videos.play_count), 0)::bigint as total_views,
    coalesce(sum(videos.like_count), 0)::bigint as total_likes,
    coalesce(sum(videos.comment_count), 0)::bigint as total_comments,
    coalesce(sum(videos.share_count), 0)::bigint as total_shares,
    min(videos.created_at) as first_video_at,
    max(videos.created_at) as last_video_at
from creators
left join videos on creators.tiktok_handle = videos.tiktok_handle
group by
    creators.tiktok_handle,
    creators.name,
    creators.status,
    creators.follower_count,
    creators.video_count,
    creators.last_scraped_at
