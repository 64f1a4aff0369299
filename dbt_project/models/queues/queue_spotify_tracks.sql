with states as (

    select * from {{ ref('spotify_track_states') }}

),

lookups as (

    select * from {{ ref('stg_spotify_tracks') }}

)

select
    states.key,
    states.total_views as priority,
    case
        when states.is_enriched then 'refresh'
        when states.last_outcome is null then 'new'
        else 'retry'
    end as reason,
    coalesce(states.ask_again_at, states.known_since) as due_since,
    states.video_count,
    states.creator_count
from states
where
    (states.state = 'due' or (states.is_enriched and states.ask_again_at <= now()))
    -- an answer that no model has read yet is an answer: never ask twice for want of a transform
    and not exists (
        select 1
        from lookups
        where
            lookups.spotify_track_id = states.key
            and lookups.fetched_at > coalesce(states.last_answered_at, '-infinity')
    )
