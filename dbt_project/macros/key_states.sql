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
