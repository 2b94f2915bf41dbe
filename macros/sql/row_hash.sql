{# 64-bit hash of the columns of a row, NULL-safe; for fingerprints and for telling equal rows apart, not for keys that people see. #}
{% macro row_hash(columns) -%}
    {{ return(adapter.dispatch('row_hash', 'segmentry')(columns)) }}
{%- endmacro %}

{% macro default__row_hash(columns) -%} {{ return(segmentry.no_variant('row_hash')) }} {%- endmacro %}

{# https://duckdb.org/docs/stable/sql/functions/utility#hashvalue #}
{% macro duckdb__row_hash(columns) -%}
    hash({{ columns | join(', ') }})
{%- endmacro %}

{# NULL of the type of `row_hash`. #}
{% macro no_hash() -%}
    {{ return(adapter.dispatch('no_hash', 'segmentry')()) }}
{%- endmacro %}

{% macro default__no_hash() -%} {{ return(segmentry.no_variant('no_hash')) }} {%- endmacro %}

{% macro duckdb__no_hash() -%}
    cast(null as ubigint)
{%- endmacro %}

{# The hash that joins and partitions use. https://www.postgresql.org/docs/current/functions-comparisons.html#COMPOSITE-TYPE-COMPARISON #}
{% macro postgres__row_hash(columns) -%}
    hash_record_extended(row({{ columns | join(', ') }}), 0)
{%- endmacro %}

{% macro postgres__no_hash() -%}
    cast(null as bigint)
{%- endmacro %}

{# xxhash64 passes over NULLs, so that each column says besides whether it is one.
   https://spark.apache.org/docs/latest/api/sql/#xxhash64 #}
{% macro spark__row_hash(columns) -%}
    cast(xxhash64({% for column in columns %}{{ column }}, {{ column }} is null{{ ', ' if not loop.last }}{% endfor %}) as decimal(20, 0))
{%- endmacro %}

{% macro spark__no_hash() -%}
    cast(null as decimal(20, 0))
{%- endmacro %}
