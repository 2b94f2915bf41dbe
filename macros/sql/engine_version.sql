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
