{# ISO weekday, 1 Monday to 7 Sunday. #}
{% macro iso_weekday(column) -%}
    {{ return(adapter.dispatch('iso_weekday', 'segmentry')(column)) }}
{%- endmacro %}

{% macro default__iso_weekday(column) -%} {{ return(segmentry.no_variant('iso_weekday')) }} {%- endmacro %}

{# https://duckdb.org/docs/stable/sql/functions/datepart #}
{% macro duckdb__iso_weekday(column) -%}
    extract(isodow from {{ column }})
{%- endmacro %}

{# https://www.postgresql.org/docs/current/functions-datetime.html#FUNCTIONS-DATETIME-EXTRACT #}
{% macro postgres__iso_weekday(column) -%}
    {{ segmentry.duckdb__iso_weekday(column) }}
{%- endmacro %}

{# https://spark.apache.org/docs/latest/api/sql/#extract #}
{% macro spark__iso_weekday(column) -%}
    extract(dayofweek_iso from {{ column }})
{%- endmacro %}
