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
