{# NaN or infinity: both pass comparisons that a person would expect to catch them. #}
{% macro is_not_finite(column) -%}
    {{ return(adapter.dispatch('is_not_finite', 'segmentry')(column)) }}
{%- endmacro %}

{% macro default__is_not_finite(column) -%} {{ return(segmentry.no_variant('is_not_finite')) }} {%- endmacro %}

{% macro duckdb__is_not_finite(column) -%}
    not isfinite({{ column }})
{%- endmacro %}

{# https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-FLOAT #}
{% macro postgres__is_not_finite(column) -%}
    {{ column }} in ('NaN', 'Infinity', '-Infinity')
{%- endmacro %}

{% macro spark__is_not_finite(column) -%}
    (isnan({{ column }}) or abs({{ column }}) = double('infinity'))
{%- endmacro %}
