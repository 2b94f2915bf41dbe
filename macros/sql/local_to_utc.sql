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

{# https://docs.snowflake.com/en/sql-reference/functions/convert_timezone #}
{% macro snowflake__local_to_utc(expression) -%}
    {%- set zone = var('segmentry_time_zone') -%}
    {{ expression if zone == 'UTC' else "convert_timezone('" ~ zone ~ "', 'UTC', " ~ expression ~ ")" }}
{%- endmacro %}

{# https://cloud.google.com/bigquery/docs/reference/standard-sql/timestamp_functions#timestamp #}
{% macro bigquery__local_to_utc(expression) -%}
    {%- set zone = var('segmentry_time_zone') -%}
    {{ expression if zone == 'UTC' else "timestamp(datetime(cast(" ~ expression ~ " as timestamp)), '" ~ zone ~ "')" }}
{%- endmacro %}

{# https://docs.aws.amazon.com/redshift/latest/dg/CONVERT_TIMEZONE.html #}
{% macro redshift__local_to_utc(expression) -%}
    {{ segmentry.snowflake__local_to_utc(expression) }}
{%- endmacro %}

{# https://trino.io/docs/current/functions/datetime.html#with_timezone #}
{% macro trino__local_to_utc(expression) -%}
    {%- set zone = var('segmentry_time_zone') -%}
    {{ expression if zone == 'UTC' else "cast(with_timezone(" ~ expression ~ ", '" ~ zone ~ "') at time zone 'UTC' as timestamp(6))" }}
{%- endmacro %}
