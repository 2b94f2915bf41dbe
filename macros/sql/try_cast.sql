{# Cast that gives NULL where the value does not fit, never an error that prints the value. #}
{% macro try_cast(expression, type) -%}
    {{ return(adapter.dispatch('try_cast', 'segmentry')(expression, type)) }}
{%- endmacro %}

{% macro default__try_cast(expression, type) -%} {{ return(segmentry.no_variant('try_cast')) }} {%- endmacro %}

{# https://duckdb.org/docs/stable/sql/expressions/cast #}
{% macro duckdb__try_cast(expression, type) -%}
    try_cast({{ expression }} as {{ type }})
{%- endmacro %}

{# No such cast before PostgreSQL 16, so text is looked at before it is cast. Numbers: https://www.postgresql.org/docs/current/sql-syntax-lexical.html #}
{% macro postgres__try_cast(expression, type) -%}
    {%- set text = 'cast(' ~ expression ~ ' as text)' -%}
    {%- set number = "cast(replace(" ~ text ~ ", '_', '') as numeric)" -%}
    {%- set is_number -%}
        length({{ text }}) <= 400 and {{ text }} ~ '^[+-]?([0-9]+(_[0-9]+)*([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,3})?$'
    {%- endset -%}
    {%- if type == 'boolean' -%}
        case
            when lower({{ text }}) in ('true', 't', 'yes', 'y', '1') then true
            when lower({{ text }}) in ('false', 'f', 'no', 'n', '0') then false
        end
    {%- elif type == 'double precision' -%}
        case
            when not ({{ is_number }}) then null
            -- What a double can't hold is an error, also when it is too small.
            when abs({{ number }}) < 1e-307 then 0
            when abs({{ number }}) < 1.79e308 then cast({{ number }} as double precision)
        end
    {%- elif type.startswith('decimal(') -%}
        {%- set precision, scale = type[8:-1].split(',') -%}
        case
            when not ({{ is_number }}) then null
            when abs(round({{ number }}, {{ scale | int }})) < 1e{{ precision | int - scale | int }} then cast({{ number }} as {{ type }})
        end
    {%- else -%}
        {{ exceptions.raise_compiler_error('try_cast on PostgreSQL knows boolean, double precision and decimal; found ' ~ type) }}
    {%- endif -%}
{%- endmacro %}

{# Java reads 1d and 0x1p3 as numbers too; nobody means them. https://spark.apache.org/docs/latest/api/sql/#try_cast #}
{% macro spark__try_cast(expression, type) -%}
    {%- if type == 'boolean' -%}
        try_cast({{ expression }} as boolean)
    {%- else -%}
        case
            when {{ expression }} rlike '^[+-]?([0-9]+(_[0-9]+)*([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,3})?$'
                then try_cast(replace({{ expression }}, '_', '') as {{ type }})
        end
    {%- endif -%}
{%- endmacro %}

{# Reads texts alone. https://docs.snowflake.com/en/sql-reference/functions/try_cast #}
{% macro snowflake__try_cast(expression, type) -%}
    try_cast(cast({{ expression }} as varchar) as {{ type }})
{%- endmacro %}

{# A truth value in the words that most engines know. #}
{% macro truth_of_text(text) -%}
    case
        when lower({{ text }}) in ('true', 't', 'yes', 'y', '1') then true
        when lower({{ text }}) in ('false', 'f', 'no', 'n', '0') then false
    end
{%- endmacro %}

{# https://cloud.google.com/bigquery/docs/reference/standard-sql/conversion_functions#safe_casting #}
{% macro bigquery__try_cast(expression, type) -%}
    {%- set text = 'cast(' ~ expression ~ ' as string)' -%}
    {{ segmentry.truth_of_text(text) if type == dbt.type_boolean() else 'safe_cast(' ~ text ~ ' as ' ~ type ~ ')' }}
{%- endmacro %}

{# https://docs.aws.amazon.com/redshift/latest/dg/r_TRY_CAST.html #}
{% macro redshift__try_cast(expression, type) -%}
    {%- set text = 'cast(' ~ expression ~ ' as ' ~ dbt.type_string() ~ ')' -%}
    {{ segmentry.truth_of_text(text) if type == dbt.type_boolean() else 'try_cast(' ~ text ~ ' as ' ~ type ~ ')' }}
{%- endmacro %}

{# https://trino.io/docs/current/functions/conversion.html #}
{% macro trino__try_cast(expression, type) -%}
    {%- set text = 'cast(' ~ expression ~ ' as varchar)' -%}
    {{ segmentry.truth_of_text(text) if type == dbt.type_boolean() else 'try_cast(' ~ text ~ ' as ' ~ type ~ ')' }}
{%- endmacro %}
