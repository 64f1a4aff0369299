with creators as not materialized (

    select * from {{ ref('tiktok_creators') }}

),
{% for stage in stages() %}
{{ stage.states }}_by_creator as (

    select
        creators.tiktok_handle,
        '{{ stage.label }}' as stage,
        {{ loop.index }} as stage_number,
        {{ count_states() }}
    from creators
    left join {{ ref(stage.creators) }} as leads on creators.tiktok_handle = leads.tiktok_handle
    -- a link that a newer scrape took away has no state
    left join {{ ref(stage.states) }} as states on leads.{{ stage.key }} = states.key
    group by creators.tiktok_handle

),

{{ stage.states }}_of_all as (

    select
        '*' as tiktok_handle,
        '{{ stage.label }}' as stage,
        {{ loop.index }} as stage_number,
        {{ count_states() }}
    from {{ ref(stage.states) }} as states

),
{% endfor %}
counted as (

    {% for stage in stages() %}
    select * from {{ stage.states }}_by_creator
    union all
    select * from {{ stage.states }}_of_all
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    tiktok_handle,
    stage,
    stage_number,
    total,
    enriched,
    due,
    waiting,
    unmatched,
    invalid,
    coalesce(round(100.0 * enriched / nullif(total, 0), 1), 0) as pct
from counted
