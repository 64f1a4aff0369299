{#- Post-hook of the incremental models: the indexes that meta names, made when the table is, and on --full-refresh. dbt's own
    `indexes` are made with the table and never again. -#}
{% macro ensure_indexes() %}
    {%- if flags.FULL_REFRESH or not is_incremental() -%}
        {%- for columns in model.config.meta.get('indexes', []) %}
            create index if not exists {{ (this.identifier ~ '_' ~ columns | join('_'))[:63] }}
            on {{ this }} ({{ columns | join(', ') }});
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
