{# Whether a text contains something like an e-mail address or a phone number (an international one from 7 digits, any other from 9,
   so that years, sizes and price ranges pass). #}
{% macro looks_personal(column) -%}
    {{ return(adapter.dispatch('looks_personal', 'segmentry')(
        column, '[^@ ]@[^@ ]+[.][^@ ]|[+][0-9]([ ()./-]*[0-9]){6}|[0-9]([ ()./-]*[0-9]){8}'
    )) }}
{%- endmacro %}

{% macro default__looks_personal(column, pattern) -%} {{ return(segmentry.no_variant('looks_personal')) }} {%- endmacro %}

{# https://duckdb.org/docs/stable/sql/functions/regular_expressions #}
{% macro duckdb__looks_personal(column, pattern) -%}
    regexp_matches({{ column }}, '{{ pattern }}')
{%- endmacro %}

{# https://www.postgresql.org/docs/current/functions-matching.html #}
{% macro postgres__looks_personal(column, pattern) -%}
    {{ column }} ~ '{{ pattern }}'
{%- endmacro %}

{# https://spark.apache.org/docs/latest/api/sql/#rlike #}
{% macro spark__looks_personal(column, pattern) -%}
    {{ column }} rlike '{{ pattern }}'
{%- endmacro %}

{# https://docs.snowflake.com/en/sql-reference/functions/regexp_instr #}
{% macro snowflake__looks_personal(column, pattern) -%}
    regexp_instr({{ column }}, '{{ pattern }}') > 0
{%- endmacro %}

{# https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions#regexp_contains #}
{% macro bigquery__looks_personal(column, pattern) -%}
    regexp_contains({{ column }}, r'{{ pattern }}')
{%- endmacro %}

{# https://docs.aws.amazon.com/redshift/latest/dg/REGEXP_COUNT.html #}
{% macro redshift__looks_personal(column, pattern) -%}
    regexp_count({{ column }}, '{{ pattern }}', 1, 'p') > 0
{%- endmacro %}

{# https://trino.io/docs/current/functions/regexp.html#regexp_like #}
{% macro trino__looks_personal(column, pattern) -%}
    regexp_like({{ column }}, '{{ pattern }}')
{%- endmacro %}
