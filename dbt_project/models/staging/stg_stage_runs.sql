with source as (

    select * from {{ source('raw', 'stage_runs') }}

)

select * from source
