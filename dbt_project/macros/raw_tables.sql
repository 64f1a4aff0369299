{#- Make what is missing of `raw`, so that dbt runs on an empty database. Looks first: a transformer that may not create
    in `raw` must not fail where all of it stands. -#}
{% macro create_missing_raw_tables() %}
    {%- if execute -%}
        {%- set tables = graph.sources.values() | selectattr('meta.lookups', 'defined') | map(attribute='name') | list -%}
        {%- set expected = tables + ['quarantine', 'stage_runs', 'pace_slots'] -%}
        {%- set standing = run_query(
            "select count(*) from pg_catalog.pg_tables where schemaname = 'raw' and tablename in ('"
            ~ expected | join("', '") ~ "')"
        ).rows[0][0] -%}
        {%- if standing < expected | length -%}{{ raw_tables_sql(tables) }}{%- endif -%}
    {%- endif -%}
{% endmacro %}
