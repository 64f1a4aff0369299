{#-
    Every row of raw and of the incremental tables carries the transaction that wrote it (ingest_xid). An incremental model
    reads the rows at or above its watermark, and sets the watermark to the oldest transaction that was still running when
    it began: all below it are finished and have been read. What committed meanwhile is read again next time, and changes
    nothing then, because a model takes only what is newer than the row it has. So no row is lost, however late it commits,
    none waits for another's transaction, and the cost follows the new rows.

    Both happen in the model's own transaction: a model that fails has read nothing.
-#}

{#- The condition that a row has not been read by this model before. -#}
{% macro is_unread(ingest_xid='ingest_xid') -%}
    {{ ingest_xid }} >= '{{ read_below() }}'::xid8
{%- endmacro %}

{#- The transaction below which this model has read everything; 0 on its first run and on --full-refresh. -#}
{% macro read_below() %}
    {%- if not execute or not is_incremental() or flags.FULL_REFRESH -%}{{ return('0') }}{%- endif -%}
    {%- if not adapter.get_relation(this.database, 'history', 'watermarks') -%}{{ return('0') }}{%- endif -%}
    {#- a watermark above every transaction comes from another cluster, by way of a dump: it means nothing here -#}
    {%- set rows = run_query(
        "select read_below::text from history.watermarks where model = '" ~ this.identifier ~ "'"
        ~ " and read_below <= pg_snapshot_xmax(pg_current_snapshot())"
    ).rows -%}
    {{ return(rows[0][0] if rows else '0') }}
{% endmacro %}

{#- Pre-hook of every incremental model. --full-refresh empties the table here, so that readers see the old rows until the
    new ones are committed. -#}
{% macro advance_watermark() %}
    {%- if flags.FULL_REFRESH and load_relation(this) -%}
        delete from {{ this }};
    {%- endif %}
    insert into history.watermarks (model, read_below)
    values ('{{ this.identifier }}', pg_snapshot_xmin(pg_current_snapshot()))
    on conflict (model) do update set read_below = excluded.read_below, advanced_at = clock_timestamp()
{% endmacro %}

{% macro create_missing_watermarks() %}
    {%- if execute and not adapter.get_relation(target.database, 'history', 'watermarks') -%}
        create schema if not exists history;
        create table if not exists history.watermarks (
            model text primary key,
            read_below xid8 not null,
            advanced_at timestamptz not null default clock_timestamp()
        )
    {%- endif -%}
{% endmacro %}

{#- Ends the query of a typed table: of the rows in `candidates` keep those that are newer than what the table has, so that
    an older answer that arrives late never overwrites a newer one. -#}
{% macro keep_newer(candidates, key, answered_at) %}
    {%- if is_incremental() %}
left join {{ this }} as present on {{ candidates }}.{{ key }} = present.{{ key }}
where present.{{ key }} is null or {{ candidates }}.{{ answered_at }} > present.{{ answered_at }}
    {%- endif %}
{% endmacro %}
