{# What dbt's unique and not_null ask column by column, in one query a table: a key, of one column or several, that is there and occurs once,
   and columns that are never NULL. A column of the key that may be NULL is `nullable`. One row per finding; failures are counted in rows of the table. #}
{% test well_formed(model, key=[], not_null=[], nullable=[]) %}
{{ config(fail_calc="coalesce(sum(row_count), 0)") }}
{%- set needed = (key + not_null) | reject('in', nullable) | list %}
{%- if not needed %} {%- do exceptions.raise_compiler_error('well_formed on ' ~ model ~ ' names no column that must be there.') %} {%- endif %}
with counted as (
    select
        {%- for column in needed %}
        count(*) - count({{ column }}) as missing_{{ loop.index }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ model }}
)
{%- if key %},

repeated as (
    select {{ key | join(", ") }}, count(*) as row_count
    from {{ model }}
    group by {{ key | join(", ") }}
    having count(*) > 1
)
{%- endif %}

{% for column in needed -%}
{{ "union all" if not loop.first }}
select '{{ column }} is NULL' as finding, missing_{{ loop.index }} as row_count
from counted
where missing_{{ loop.index }} > 0
{% endfor -%}
{%- if key %}
union all
select {{ segmentry.repeated_key(key) }} as finding, row_count
from repeated
{%- endif %}
{% endtest %}

{# The finding in words: 'customer_id, trait more than once: c1, loyal'. #}
{% macro repeated_key(key) %}
{%- set parts = ["'" ~ key | join(", ") ~ " more than once: '"] %}
{%- for column in key %}
{%- do parts.append("', '") if not loop.first %}
{%- do parts.append("coalesce(cast(" ~ column ~ " as " ~ dbt.type_string() ~ "), 'NULL')") %}
{%- endfor %}
{{- dbt.concat(parts) }}
{%- endmacro %}
