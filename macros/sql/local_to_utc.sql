{# The reverse of to_local: a time on the clock of the business time zone as UTC. #}
{% macro local_to_utc(expression) -%}
    {{ return(adapter.dispatch('local_to_utc', 'segmentry')(expression)) }}
{%- endmacro %}

{% macro default__local_to_utc(expression) -%} {{ return(segmentry.no_variant('local_to_utc')) }} {%- endmacro %}

{% macro duckdb__local_to_utc(expression) -%}
    {%- set zone = var('segmentry_time_zone') -%}
    {%- if zone == 'UTC' -%}
        {{ expression }}
    {%- else -%}
        timezone('UTC', timezone('{{ zone }}', {{ expression }}))
    {%- endif -%}
{%- endmacro %}

{# https://www.postgresql.org/docs/current/functions-datetime.html#FUNCTIONS-DATETIME-ZONECONVERT #}
{% macro postgres__local_to_utc(expression) -%}
    {{ segmentry.duckdb__local_to_utc(expression) }}
{%- endmacro %}

{# https://spark.apache.org/docs/latest/api/sql/#to_utc_timestamp #}
{% macro spark__local_to_utc(expression) -%}
    {%- set zone = var('segmentry_time_zone') -%}
    {{ expression if zone == 'UTC' else "to_utc_timestamp(" ~ expression ~ ", '" ~ zone ~ "')" }}
{%- endmacro %}
