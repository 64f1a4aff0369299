{% for stage in stages() %}
select
    '{{ stage.name }}' as stage,
    key
from {{ ref(stage.queue) }}
group by key
having count(*) > 1
{{ 'union all' if not loop.last }}
{% endfor %}
