{#- Casts that make NULL of what does not fit, so that one odd value never costs its row (raw_data keeps the truth).
    `value` is always text: `payload ->> 'x'`. -#}

{% macro to_bigint(value) -%}
    {%- set value = '(' ~ value ~ ')' -%}
    case when {{ value }} ~ '^-?[0-9]{1,18}([.]0+)?$' then split_part({{ value }}, '.', 1)::bigint end
{%- endmacro %}

{% macro to_boolean(value) -%}
    {%- set value = '(' ~ value ~ ')' -%}
    case lower({{ value }}) when 'true' then true when 'false' then false end
{%- endmacro %}

{#- seconds since 1970 -#}
{% macro to_timestamptz(value) -%}
    {%- set value = '(' ~ value ~ ')' -%}
    case when {{ value }} ~ '^[0-9]{1,11}$' then to_timestamp({{ value }}::bigint) end
{%- endmacro %}

{#- yyyy, yyyy-mm or yyyy-mm-dd -> the (first) day; NULL for days that no calendar has -#}
{% macro to_date(value) -%}
    {%- set value = '(' ~ value ~ ')' -%}
    case
        when {{ value }} !~ '^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$' or left({{ value }}, 4) = '0000' then null
        when length({{ value }}) = 4 then make_date(left({{ value }}, 4)::int, 1, 1)
        when substr({{ value }}, 6, 2) not between '01' and '12' then null
        when length({{ value }}) = 7 then make_date(left({{ value }}, 4)::int, substr({{ value }}, 6, 2)::int, 1)
        when
            substr({{ value }}, 9, 2)::int between 1 and extract(
                day from make_date(left({{ value }}, 4)::int, substr({{ value }}, 6, 2)::int, 1) + interval '1 month - 1 day'
            )
            then {{ value }}::date
    end
{%- endmacro %}

{#- the jsonb if it is an array, else an empty one: jsonb_array_elements refuses everything else -#}
{% macro to_array(value) -%}
    {%- set value = '(' ~ value ~ ')' -%}
    case when jsonb_typeof({{ value }}) = 'array' then {{ value }} else '[]'::jsonb end
{%- endmacro %}

{#- ISRC: upper case, no hyphens or spaces; NULL when it is none (ISO 3901, as MusicBrainz checks it) -#}
{% macro to_isrc(value) -%}
    {%- set value = '(' ~ value ~ ')' -%}
    case
        when upper(regexp_replace({{ value }}, '[\s-]', '', 'g')) ~ '^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$'
            then upper(regexp_replace({{ value }}, '[\s-]', '', 'g'))
    end
{%- endmacro %}

{#- an identifier: NULL when it is empty or too long to be one (an index would refuse the row) -#}
{% macro to_id(value) -%}
    {%- set value = '(' ~ value ~ ')' -%}
    case when length({{ value }}) between 1 and 128 then {{ value }} end
{%- endmacro %}
