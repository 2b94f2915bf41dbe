{# ISO weekday, 1 Monday to 7 Sunday. #}
{% macro iso_weekday(column) -%}
    {{ return(adapter.dispatch('iso_weekday', 'segmentry')(column)) }}
{%- endmacro %}

{# DuckDB and Postgres: https://duckdb.org/docs/stable/sql/functions/datepart #}
{% macro default__iso_weekday(column) -%}
    extract(isodow from {{ column }})
{%- endmacro %}
