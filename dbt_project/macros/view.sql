{#- dbt-postgres replaces a view by rename and "drop ... cascade", which takes the views above it along and leaves readers
    without any for a moment. This one replaces in place, and drops only where Postgres can't replace: when a column was
    renamed, retyped or taken out. A full `dbt run` then makes the views above anew. -#}
{% materialization view, adapter='postgres' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set existing = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if existing is not none and not (existing.is_view and _keeps_columns(existing, sql)) -%}
        {{ adapter.drop_relation(existing) }}
    {%- endif -%}
    {% call statement('main') -%}
        {%- if config.get('contract').enforced %}{{ get_assert_columns_equivalent(sql) }}{% endif %}
        create or replace view {{ target_relation }} as (
            {{ sql }}
        );
    {%- endcall %}
    {%- do persist_docs(target_relation, model) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- Does the query begin with the columns that the view has, of the same types? -#}
{% macro _keeps_columns(existing, sql) %}
    {%- do run_query("drop view if exists pg_temp.cascade_probe; create temporary view cascade_probe as (" ~ sql ~ ")") -%}
    {%- set changed = run_query(
        "select count(*) from pg_attribute as old"
        ~ " left join pg_attribute as new on new.attrelid = 'pg_temp.cascade_probe'::regclass"
        ~ " and new.attnum = old.attnum and new.attname = old.attname"
        ~ " and new.atttypid = old.atttypid and new.atttypmod = old.atttypmod"
        ~ " where old.attrelid = '" ~ existing ~ "'::regclass and old.attnum > 0 and new.attname is null"
    ).rows[0][0] -%}
    {%- do run_query("drop view pg_temp.cascade_probe") -%}
    {{ return(changed == 0) }}
{% endmacro %}
