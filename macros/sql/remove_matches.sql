{# A text without what matches a regular expression. #}
{% macro remove_matches(text, pattern) -%}
    {{ return(adapter.dispatch('remove_matches', 'segmentry')(text, pattern)) }}
{%- endmacro %}

{% macro default__remove_matches(text, pattern) -%} {{ return(segmentry.no_variant('remove_matches')) }} {%- endmacro %}

{# https://duckdb.org/docs/stable/sql/functions/regular_expressions #}
{% macro duckdb__remove_matches(text, pattern) -%}
    regexp_replace({{ text }}, '{{ pattern }}', '', 'g')
{%- endmacro %}

{# https://www.postgresql.org/docs/current/functions-matching.html #}
{% macro postgres__remove_matches(text, pattern) -%}
    {{ segmentry.duckdb__remove_matches(text, pattern) }}
{%- endmacro %}

{# https://spark.apache.org/docs/latest/api/sql/#regexp_replace #}
{% macro spark__remove_matches(text, pattern) -%}
    regexp_replace({{ text }}, r'{{ pattern }}', '')
{%- endmacro %}

{# https://docs.snowflake.com/en/sql-reference/functions/regexp_replace #}
{% macro snowflake__remove_matches(text, pattern) -%}
    regexp_replace({{ text }}, '{{ pattern }}', '')
{%- endmacro %}

{# https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions#regexp_replace #}
{% macro bigquery__remove_matches(text, pattern) -%}
    {{ segmentry.spark__remove_matches(text, pattern) }}
{%- endmacro %}

{# https://docs.aws.amazon.com/redshift/latest/dg/REGEXP_REPLACE.html #}
{% macro redshift__remove_matches(text, pattern) -%}
    {{ segmentry.snowflake__remove_matches(text, pattern) }}
{%- endmacro %}

{# https://trino.io/docs/current/functions/regexp.html#regexp_replace #}
{% macro trino__remove_matches(text, pattern) -%}
    {{ segmentry.snowflake__remove_matches(text, pattern) }}
{%- endmacro %}
