{# A UTC timestamp as the clock on the wall of the business time zone shows it. #}
{% macro to_local(column) -%}
    {{ return(adapter.dispatch('to_local', 'segmentry')(column)) }}
{%- endmacro %}

{% macro default__to_local(column) -%} {{ return(segmentry.no_variant('to_local')) }} {%- endmacro %}

{# https://duckdb.org/docs/stable/sql/functions/timestamptz#timezonetext-timestamp #}
{% macro duckdb__to_local(column) -%}
    {%- set zone = var('segmentry_time_zone') -%}
    {%- if zone == 'UTC' -%}
        {{ column }}
    {%- else -%}
        timezone('{{ zone }}', timezone('UTC', {{ column }}))
    {%- endif -%}
{%- endmacro %}

{# https://www.postgresql.org/docs/current/functions-datetime.html#FUNCTIONS-DATETIME-ZONECONVERT #}
{% macro postgres__to_local(column) -%}
    {{ segmentry.duckdb__to_local(column) }}
{%- endmacro %}

{# https://spark.apache.org/docs/latest/api/sql/#from_utc_timestamp #}
{% macro spark__to_local(column) -%}
    {%- set zone = var('segmentry_time_zone') -%}
    {{ column if zone == 'UTC' else "from_utc_timestamp(" ~ column ~ ", '" ~ zone ~ "')" }}
{%- endmacro %}

{# https://docs.snowflake.com/en/sql-reference/functions/convert_timezone #}
{% macro snowflake__to_local(column) -%}
    {%- set zone = var('segmentry_time_zone') -%}
    {{ column if zone == 'UTC' else "convert_timezone('UTC', '" ~ zone ~ "', " ~ column ~ ")" }}
{%- endmacro %}

{# A timestamp there is an instant; this one is read as UTC, as all others. https://cloud.google.com/bigquery/docs/reference/standard-sql/datetime_functions#datetime #}
{% macro bigquery__to_local(column) -%}
    {%- set zone = var('segmentry_time_zone') -%}
    {{ column if zone == 'UTC' else "timestamp(datetime(" ~ column ~ ", '" ~ zone ~ "'))" }}
{%- endmacro %}

{# https://docs.aws.amazon.com/redshift/latest/dg/CONVERT_TIMEZONE.html #}
{% macro redshift__to_local(column) -%}
    {{ segmentry.snowflake__to_local(column) }}
{%- endmacro %}

{# https://trino.io/docs/current/functions/datetime.html#with_timezone #}
{% macro trino__to_local(column) -%}
    {%- set zone = var('segmentry_time_zone') -%}
    {{ column if zone == 'UTC' else "cast(with_timezone(" ~ column ~ ", 'UTC') at time zone '" ~ zone ~ "' as timestamp(6))" }}
{%- endmacro %}
