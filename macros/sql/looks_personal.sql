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
