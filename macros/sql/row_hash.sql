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

{# https://docs.snowflake.com/en/sql-reference/functions/hash #}
{% macro snowflake__row_hash(columns) -%}
    hash({{ columns | join(', ') }})
{%- endmacro %}

{% macro snowflake__no_hash() -%}
    cast(null as number(19, 0))
{%- endmacro %}

{# A number whose sum over many rows does not overflow. https://cloud.google.com/bigquery/docs/reference/standard-sql/hash_functions#farm_fingerprint #}
{% macro bigquery__row_hash(columns) -%}
    cast(farm_fingerprint(to_json_string(struct({{ columns | join(', ') }}))) as numeric)
{%- endmacro %}

{% macro bigquery__no_hash() -%}
    cast(null as numeric)
{%- endmacro %}

{# Of one text: each value with its length before it. https://docs.aws.amazon.com/redshift/latest/dg/r_FARMFINGERPRINT64.html #}
{% macro redshift__row_hash(columns) -%}
    {%- set text = dbt.type_string() -%}
    cast(farmfingerprint64(
        {%- for column in columns %}
        {{ '|| ' if not loop.first }}coalesce(cast(len(cast({{ column }} as {{ text }})) as {{ text }}) || ':' || cast({{ column }} as {{ text }}), '-')
        {%- endfor %}
    ) as decimal(38, 0))
{%- endmacro %}

{% macro redshift__no_hash() -%}
    cast(null as decimal(38, 0))
{%- endmacro %}

{# https://trino.io/docs/current/functions/binary.html#xxhash64 #}
{% macro trino__row_hash(columns) -%}
    cast(from_big_endian_64(xxhash64(to_utf8(json_format(cast(row({{ columns | join(', ') }}) as json))))) as decimal(38, 0))
{%- endmacro %}

{% macro trino__no_hash() -%}
    cast(null as decimal(38, 0))
{%- endmacro %}
