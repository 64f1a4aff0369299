with source as (

    select * from {{ source('raw', 'tiktok_videos') }}

),

unpacked as (

    select
        source.*,
        payload -> 'author' as author,
        payload -> 'music' as music,
        payload -> 'stats' as stats,
        -- exact, where stats is rounded
        payload -> 'statsV2' as stats_v2,
        -- web pages wrap the links in tt2dsp, the mobile API does not
        case
            when jsonb_typeof(payload -> 'music' -> 'tt2dsp') = 'array' then payload -> 'music' -> 'tt2dsp'
            when payload -> 'music' -> 'tt2dsp' ? 'tt_to_dsp_song_infos'
                then payload -> 'music' -> 'tt2dsp' -> 'tt_to_dsp_song_infos'
            else payload -> 'music' -> 'tt_to_dsp_song_infos'
        end as song_links
    from source

),

renamed as (

    select
        unpacked.key as video_id,
        unpacked.outcome,
        coalesce(
            lower({{ to_id("author ->> 'uniqueId'") }}),
            lower(case when jsonb_typeof(author) = 'string' then {{ to_id("unpacked.payload ->> 'author'") }} end),
            '(unknown)'
        ) as tiktok_handle,
        {{ to_id("author ->> 'secUid'") }} as sec_uid,
        links.spotify_track_id,
        links.apple_music_id,
        {{ to_boolean("music ->> 'isCopyrighted'") }} as is_flagged_copyrighted,
        coalesce({{ to_bigint("stats_v2 ->> 'playCount'") }}, {{ to_bigint("stats ->> 'playCount'") }}) as play_count,
        coalesce({{ to_bigint("stats_v2 ->> 'diggCount'") }}, {{ to_bigint("stats ->> 'diggCount'") }}) as like_count,
        coalesce(
            {{ to_bigint("stats_v2 ->> 'commentCount'") }}, {{ to_bigint("stats ->> 'commentCount'") }}
        ) as comment_count,
        coalesce(
            {{ to_bigint("stats_v2 ->> 'shareCount'") }}, {{ to_bigint("stats ->> 'shareCount'") }}
        ) as share_count,
        coalesce(
            {{ to_bigint("stats_v2 ->> 'collectCount'") }}, {{ to_bigint("stats ->> 'collectCount'") }}
        ) as collect_count,
        {{ to_timestamptz("unpacked.payload ->> 'createTime'") }} as created_at,
        nullif(music ->> 'id', '') as music_id,
        nullif(music ->> 'title', '') as music_title,
        {{ to_boolean("music ->> 'original'") }} as is_original_sound,
        unpacked.payload as raw_data,
        unpacked.answered_at as scraped_at,
        unpacked.run_id,
        unpacked.ingest_xid,
        unpacked._dlt_id as raw_row_id
    from unpacked
    left join lateral (
        select
            min(song_id) filter (where platform = '3') as spotify_track_id,
            min(song_id) filter (where platform = '1') as apple_music_id
        from (
            select
                coalesce(link ->> 'platform', link ->> 'Platform') as platform,
                {{ to_id("coalesce(link ->> 'song_id', link ->> 'SongId')") }} as song_id
            from jsonb_array_elements({{ to_array('unpacked.song_links') }}) as link
        ) as spelled
    ) as links on true

)

select
    case
        when is_flagged_copyrighted or spotify_track_id is not null or apple_music_id is not null then 'copyrighted'
        when not is_flagged_copyrighted then 'copyright-free'
        else 'unknown'
    end as copyright_status,
    nullif(concat_ws(
        ', ',
        case is_flagged_copyrighted when true then 'flagged' when false then 'flagged not' end,
        case when spotify_track_id is not null then 'Spotify link' end,
        case when apple_music_id is not null then 'Apple Music link' end
    ), '') as copyright_evidence,
    renamed.*
from renamed
