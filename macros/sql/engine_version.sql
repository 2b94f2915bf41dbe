{# Version of the engine as text: hashes of rows may differ between versions. #}
{% macro engine_version() -%}
    {{ return(adapter.dispatch('engine_version', 'segmentry')()) }}
{%- endmacro %}

{% macro default__engine_version() -%} {{ return(segmentry.no_variant('engine_version')) }} {%- endmacro %}

{# https://duckdb.org/docs/stable/sql/functions/utility#version #}
{% macro duckdb__engine_version() -%}
    version()
{%- endmacro %}

{# https://www.postgresql.org/docs/current/runtime-config-preset.html #}
{% macro postgres__engine_version() -%}
    current_setting('server_version')
{%- endmacro %}

{# https://spark.apache.org/docs/latest/api/sql/#version #}
{% macro spark__engine_version() -%}
    version()
{%- endmacro %}

{# https://docs.snowflake.com/en/sql-reference/functions/current_version #}
{% macro snowflake__engine_version() -%}
    current_version()
{%- endmacro %}

{# There is one BigQuery, and it names no version. #}
{% macro bigquery__engine_version() -%}
    'bigquery'
{%- endmacro %}

{# https://docs.aws.amazon.com/redshift/latest/dg/r_VERSION.html #}
{% macro redshift__engine_version() -%}
    version()
{%- endmacro %}

{# https://trino.io/docs/current/functions/system.html #}
{% macro trino__engine_version() -%}
    version()
{%- endmacro %}
