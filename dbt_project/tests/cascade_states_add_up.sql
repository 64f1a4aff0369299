-- every key of every creator and stage is in exactly one state
select *
from {{ ref('cascade_status') }}
where total <> enriched + due + waiting + unmatched + invalid
