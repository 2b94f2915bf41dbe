{# Text of one member of a flat JSON object; NULL where the member or the object is missing. #}
{% macro json_value(expression, key) -%}
    {{ return(adapter.dispatch('json_value', 'segmentry')(expression, key)) }}
{%- endmacro %}

{% macro default__json_value(expression, key) -%} {{ return(segmentry.no_variant('json_value')) }} {%- endmacro %}

{# https://duckdb.org/docs/stable/data/json/json_functions #}
{% macro duckdb__json_value(expression, key) -%}
    json_extract_string({{ expression }}, '$.{{ key }}')
{%- endmacro %}

{# https://www.postgresql.org/docs/current/functions-json.html #}
{% macro postgres__json_value(expression, key) -%}
    (cast({{ expression }} as json) ->> '{{ key }}')
{%- endmacro %}

{# https://docs.snowflake.com/en/sql-reference/functions/json_extract_path_text #}
{% macro snowflake__json_value(expression, key) -%}
    json_extract_path_text({{ expression }}, '{{ key }}')
{%- endmacro %}

{# https://spark.apache.org/docs/latest/api/sql/#get_json_object #}
{% macro spark__json_value(expression, key) -%}
    get_json_object({{ expression }}, '$.{{ key }}')
{%- endmacro %}

{# https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#json_value #}
{% macro bigquery__json_value(expression, key) -%}
    json_value({{ expression }}, '$.{{ key }}')
{%- endmacro %}

{# Empty where there is none. https://docs.aws.amazon.com/redshift/latest/dg/JSON_EXTRACT_PATH_TEXT.html #}
{% macro redshift__json_value(expression, key) -%}
    nullif(json_extract_path_text({{ expression }}, '{{ key }}'), '')
{%- endmacro %}

{# https://trino.io/docs/current/functions/json.html#json_extract_scalar #}
{% macro trino__json_value(expression, key) -%}
    json_extract_scalar({{ expression }}, '$.{{ key }}')
{%- endmacro %}
