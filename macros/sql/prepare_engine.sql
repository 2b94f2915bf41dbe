{# What an engine needs before the first model; runs at the start of every build. #}
{% macro prepare_engine() -%}
    {%- if execute and flags.WHICH in ('run', 'build', 'retry', 'seed', 'test') -%}
        {{ adapter.dispatch('prepare_engine', 'segmentry')() }}
    {%- endif -%}
{%- endmacro %}

{% macro default__prepare_engine() -%} {%- endmacro %}

{% macro postgres__prepare_engine() -%}
    {%- do exceptions.raise_compiler_error(
        'dbt-postgres runs no Python models. Write "type: segmentry_postgres" instead of "type: postgres" in the profile and leave the rest as it is: '
        ~ 'the adapter of that name comes with Segmentry (docs/engines.md).'
    ) -%}
{%- endmacro %}

{# round() of a double to some decimals, which every other engine has. By way of the shortest text of the double, so that 0.125 becomes 0.13; one
   expression, so that the planner puts it in place of the call. https://www.postgresql.org/docs/current/functions-math.html #}
{% macro segmentry_postgres__prepare_engine() -%}
    {%- set encoding = run_query('show server_encoding').columns[0].values()[0] -%}
    {%- if encoding != 'UTF8' -%}
        {%- do exceptions.raise_compiler_error(
            'The database ' ~ target.dbname ~ ' has the encoding ' ~ encoding ~ '; Segmentry needs one with UTF8: create database segmentry encoding utf8.'
        ) -%}
    {%- endif %}
    create schema if not exists {{ adapter.quote(target.schema ~ '_internal') }};
    create or replace function {{ adapter.quote(target.schema ~ '_internal') }}.round(double precision, integer) returns double precision
    language sql immutable parallel safe as 'select cast(pg_catalog.round(cast(cast($1 as text) as numeric), $2) as double precision)';
{%- endmacro %}

{% macro spark__prepare_engine() -%}
    {%- do exceptions.raise_compiler_error(
        'dbt-spark runs Python models on Databricks alone. Write "type: segmentry_spark" instead of "type: spark" in the profile, without host and method: '
        ~ 'the adapter of that name comes with Segmentry (docs/engines.md).'
    ) -%}
{%- endmacro %}

{# Whole partitions can take the place of others; single rows of Parquet files can't. #}
{% macro segmentry_spark__prepare_engine() -%}
    {%- if var('segmentry_incremental') -%}
        {%- do exceptions.raise_compiler_error(
            'segmentry_incremental is true, and rows of tables on Spark can not be deleted. Set it to false: everything but the histories is built anew.'
        ) -%}
    {%- endif -%}
{%- endmacro %}

{# Not Spark's: Databricks runs Python models by itself. #}
{% macro databricks__prepare_engine() -%} {%- endmacro %}

{% macro redshift__prepare_engine() -%}
    {%- do segmentry.stop_without_python_models() -%}
{%- endmacro %}

{% macro trino__prepare_engine() -%}
    {%- do segmentry.stop_without_python_models() -%}
{%- endmacro %}

{% macro stop_without_python_models() -%}
    {%- do exceptions.raise_compiler_error(
        'dbt runs no Python models on ' ~ adapter.type() ~ ', and segments are fitted by one. The SQL of the project can be rendered for it, not built; '
        ~ 'docs/engines.md says how to add an engine.'
    ) -%}
{%- endmacro %}
