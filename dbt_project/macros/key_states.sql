{#-
    What its lookups say of each key: one statement for every stage.

    `lookups`: relation of lookups with columns key, outcome, answered_at; `keys`: relation with the column key, the keys to
    judge. Yields key, is_enriched, is_invalid, last_outcome, last_answered_at, ask_again_at. A miss is asked again after
    1, 2, 4 ... 32 days, an error or a block after 1, 2, 4 ... minutes up to a day, a find after `refresh_days`.
-#}
{% macro judge_keys(lookups, keys, refresh_days) %}
    select
        key,
        is_enriched,
        not is_enriched and last_outcome = 'invalid' as is_invalid,
        last_outcome,
        last_answered_at,
        case last_outcome
            when 'found' then last_answered_at + {{ refresh_days }} * interval '1 day'
            when 'not_found' then last_answered_at + least(2 ^ (misses - 1), 32) * interval '1 day'
            when 'invalid' then 'infinity'
            else last_answered_at + least(2 ^ (errors - 1), 24 * 60) * interval '1 minute'
        end as ask_again_at
    from (
        select
            key,
            bool_or(outcome = 'found') as is_enriched,
            (array_agg(outcome order by answered_at desc))[1] as last_outcome,
            max(answered_at) as last_answered_at,
            -- in a row: since the last find, and since the last answer
            least(count(*) filter (where outcome = 'not_found' and finds_after = 0), 30) as misses,
            least(count(*) filter (where outcome in ('error', 'blocked') and answers_after = 0), 30) as errors
        from (
            select
                lookups.key,
                lookups.outcome,
                lookups.answered_at,
                count(*) filter (where lookups.outcome = 'found') over later as finds_after,
                count(*) filter (where lookups.outcome in ('found', 'not_found')) over later as answers_after
            -- raw is at-least-once: a row that landed twice is one answer
            from (
                select distinct
                    asked.key,
                    asked.outcome,
                    asked.answered_at
                from {{ lookups }} as asked
                inner join {{ keys }} as keys on asked.key = keys.key
            ) as lookups
            window later as (
                partition by lookups.key
                order by lookups.answered_at desc
                rows between unbounded preceding and current row
            )
        ) as ordered
        group by key
    ) as counted
{% endmacro %}

{#- The state of a key, from the columns that judge_keys gives (NULL where it was never asked). -#}
{% macro key_state() -%}
    case
        when is_enriched then 'enriched'
        when is_invalid then 'invalid'
        when ask_again_at is null or ask_again_at <= now() then 'due'
        when last_outcome = 'not_found' then 'unmatched'
        else 'waiting'
    end
{%- endmacro %}

{#- Counts of keys by state: total, enriched, due, waiting, unmatched, invalid. -#}
{% macro count_states() -%}
        count(states.key) as total,
    {%- for state in ['enriched', 'due', 'waiting', 'unmatched', 'invalid'] %}
        count(*) filter (where states.state = '{{ state }}') as {{ state }}{{ ',' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#-
    Ends a model of kept keys. Needs the CTEs `lookups` (key, outcome, answered_at) and `counted` (key, video_count,
    creator_count, total_views: the keys to write).
-#}
{% macro keep_keys(refresh_days) %}
judged as (

    {{ judge_keys('lookups', 'counted', refresh_days) }}

)

select
    counted.key,
    counted.video_count,
    counted.creator_count,
    counted.total_views,
    {{ 'coalesce(present.known_since, now())' if is_incremental() else 'now()' }} as known_since,
    coalesce(judged.is_enriched, false) as is_enriched,
    coalesce(judged.is_invalid, false) as is_invalid,
    judged.last_outcome,
    judged.last_answered_at,
    judged.ask_again_at,
    pg_current_xact_id() as ingest_xid
from counted
left join judged on counted.key = judged.key
{% if is_incremental() %}
left join {{ this }} as present on counted.key = present.key
{% endif %}
{% endmacro %}

{#- The keys of a stage with their state. No CTE: Postgres would not see through it to the index that a LIMIT wants. -#}
{% macro states_of(keys) %}
select
    {{ key_state() }} as state,
    keys.*
from {{ keys }} as keys
where keys.video_count > 0
{% endmacro %}

{#- A queue, from the states of a stage and its lookups (relations). -#}
{% macro due_keys(states, lookups, lookup_key) %}
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
from {{ states }} as states
where
    (states.state = 'due' or (states.is_enriched and states.ask_again_at <= now()))
    -- an answer that no model has read yet is an answer: never ask twice for want of a transform
    and not exists (
        select 1
        from {{ lookups }} as lookups
        where
            lookups.{{ lookup_key }} = states.key
            and lookups.fetched_at > coalesce(states.last_answered_at, '-infinity')
    )
{% endmacro %}
