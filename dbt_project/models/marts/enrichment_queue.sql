with queue as (

    {% for stage in stages() %}
    select
        '{{ stage.label }}' as stage,
        '{{ stage.name }}' as stage_name,
        {{ loop.index }} as stage_number,
        count(*) as pending,
        min(due_since) as oldest_due_since
    from {{ ref(stage.queue) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

sample as (

    {% for stage in stages() %}
    select
        '{{ stage.name }}' as stage_name,
        jsonb_agg(jsonb_build_object(
            '{{ stage.key }}', key,
            'video_count', video_count,
            'total_views', priority,
            'reason', reason
        ) order by priority desc, key asc) as keys
    from (
        select * from {{ ref(stage.queue) }}
        order by priority desc, key asc
        limit 3
    ) as first_three
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

last_runs as (

    select distinct on (stage)
        stage as stage_name,
        ended_at,
        ended,
        reason,
        resume_at
    from {{ ref('stg_stage_runs') }}
    order by stage asc, ended_at desc

)

select
    queue.stage,
    queue.stage_number,
    queue.pending,
    queue.oldest_due_since,
    coalesce(sample.keys, '[]'::jsonb) as sample,
    last_runs.ended_at as last_run_at,
    last_runs.ended as last_run_ended,
    last_runs.reason as last_run_reason,
    last_runs.resume_at
from queue
left join sample on queue.stage_name = sample.stage_name
left join last_runs on queue.stage_name = last_runs.stage_name
