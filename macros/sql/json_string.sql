{# JSON text of a string expression, quotes included; the word null for NULL. #}
{% macro json_string(expression) -%}
    {{ return(adapter.dispatch('json_string', 'segmentry')(expression)) }}
{%- endmacro %}

{% macro default__json_string(expression) -%} {{ return(segmentry.no_variant('json_string')) }} {%- endmacro %}

{# https://duckdb.org/docs/stable/data/json/creating_json #}
{% macro duckdb__json_string(expression) -%}
    coalesce(cast(to_json({{ expression }}) as varchar), 'null')
{%- endmacro %}

{# https://www.postgresql.org/docs/current/functions-json.html #}
{% macro postgres__json_string(expression) -%}
    coalesce(cast(to_json(cast({{ expression }} as text)) as text), 'null')
{%- endmacro %}

{# What stands between {"v": and }. https://spark.apache.org/docs/latest/api/sql/#to_json #}
{% macro spark__json_string(expression) -%}
    {%- set object = "to_json(named_struct('v', " ~ expression ~ "))" -%}
    case when {{ expression }} is null then 'null' else substring({{ object }}, 6, length({{ object }}) - 6) end
{%- endmacro %}

{# https://docs.snowflake.com/en/sql-reference/functions/to_json #}
{% macro snowflake__json_string(expression) -%}
    coalesce(to_json(to_variant({{ expression }})), 'null')
{%- endmacro %}

{# The word null for NULL by itself. https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#to_json_string #}
{% macro bigquery__json_string(expression) -%}
    to_json_string({{ expression }})
{%- endmacro %}

{# https://docs.aws.amazon.com/redshift/latest/dg/JSON_SERIALIZE.html #}
{% macro redshift__json_string(expression) -%}
    coalesce(json_serialize(cast({{ expression }} as super)), 'null')
{%- endmacro %}

{# https://trino.io/docs/current/functions/json.html#json_format #}
{% macro trino__json_string(expression) -%}
    coalesce(json_format(cast({{ expression }} as json)), 'null')
{%- endmacro %}
