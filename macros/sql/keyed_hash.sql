{# Hash of an id under the key of SEGMENTRY_ERASURE_KEY, which the connection holds (segmentry.engines): in no statement, table, file or log.
   NULL without a key. #}
{% macro keyed_hash(id) -%}
    {{ return(adapter.dispatch('keyed_hash', 'segmentry')(id)) }}
{%- endmacro %}

{% macro default__keyed_hash(id) -%}
    {%- do exceptions.raise_compiler_error('Customers can be erased on DuckDB and PostgreSQL alone; leave segmentry_erasures empty on ' ~ target.type ~ '.') -%}
{%- endmacro %}

{# https://duckdb.org/docs/stable/sql/statements/set_variable #}
{% macro duckdb__keyed_hash(id) -%}
    sha256(nullif(getvariable('segmentry_erasure_key'), '') || ':' || {{ id }})
{%- endmacro %}

{# https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SET #}
{% macro postgres__keyed_hash(id) -%}
    encode(sha256(convert_to(nullif(current_setting('segmentry.erasure_key', true), '') || ':' || {{ id }}, 'UTF8')), 'hex')
{%- endmacro %}
