{# Cast that gives NULL where the value does not fit, never an error that prints the value. #}
{% macro try_cast(expression, type) -%}
    {{ return(adapter.dispatch('try_cast', 'segmentry')(expression, type)) }}
{%- endmacro %}

{# https://duckdb.org/docs/stable/sql/expressions/cast #}
{% macro default__try_cast(expression, type) -%}
    try_cast({{ expression }} as {{ type }})
{%- endmacro %}
