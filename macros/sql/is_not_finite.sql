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

{# Equal to itself there. https://docs.snowflake.com/en/sql-reference/data-types-numeric #}
{% macro snowflake__is_not_finite(column) -%}
    {{ column }} in (cast('nan' as double), cast('inf' as double), cast('-inf' as double))
{%- endmacro %}

{# https://cloud.google.com/bigquery/docs/reference/standard-sql/mathematical_functions#is_nan #}
{% macro bigquery__is_not_finite(column) -%}
    (is_nan({{ column }}) or is_inf({{ column }}))
{%- endmacro %}

{# https://trino.io/docs/current/functions/math.html#is_finite #}
{% macro trino__is_not_finite(column) -%}
    not is_finite({{ column }})
{%- endmacro %}
