{# Cast that gives NULL where the value does not fit, never an error that prints the value. #}
{% macro try_cast(expression, type) -%}
    {{ return(adapter.dispatch('try_cast', 'segmentry')(expression, type)) }}
{%- endmacro %}

{% macro default__try_cast(expression, type) -%} {{ return(segmentry.no_variant('try_cast')) }} {%- endmacro %}

{# https://duckdb.org/docs/stable/sql/expressions/cast #}
{% macro duckdb__try_cast(expression, type) -%}
    try_cast({{ expression }} as {{ type }})
{%- endmacro %}
