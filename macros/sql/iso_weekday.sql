{# ISO weekday, 1 Monday to 7 Sunday. #}
{% macro iso_weekday(column) -%}
    {{ return(adapter.dispatch('iso_weekday', 'segmentry')(column)) }}
{%- endmacro %}

{% macro default__iso_weekday(column) -%} {{ return(segmentry.no_variant('iso_weekday')) }} {%- endmacro %}

{# https://duckdb.org/docs/stable/sql/functions/datepart #}
{% macro duckdb__iso_weekday(column) -%}
    extract(isodow from {{ column }})
{%- endmacro %}

{# https://www.postgresql.org/docs/current/functions-datetime.html#FUNCTIONS-DATETIME-EXTRACT #}
{% macro postgres__iso_weekday(column) -%}
    {{ segmentry.duckdb__iso_weekday(column) }}
{%- endmacro %}

{# https://spark.apache.org/docs/latest/api/sql/#extract #}
{% macro spark__iso_weekday(column) -%}
    extract(dayofweek_iso from {{ column }})
{%- endmacro %}

{# https://docs.snowflake.com/en/sql-reference/functions/year #}
{% macro snowflake__iso_weekday(column) -%}
    dayofweekiso({{ column }})
{%- endmacro %}

{# Sunday is 1 there. https://cloud.google.com/bigquery/docs/reference/standard-sql/timestamp_functions#extract #}
{% macro bigquery__iso_weekday(column) -%}
    mod(extract(dayofweek from {{ column }}) + 5, 7) + 1
{%- endmacro %}

{# Sunday is 0 there. https://docs.aws.amazon.com/redshift/latest/dg/r_Dateparts_for_datetime_functions.html #}
{% macro redshift__iso_weekday(column) -%}
    mod(cast(extract(dayofweek from {{ column }}) as integer) + 6, 7) + 1
{%- endmacro %}

{# https://trino.io/docs/current/functions/datetime.html#day_of_week #}
{% macro trino__iso_weekday(column) -%}
    day_of_week({{ column }})
{%- endmacro %}
