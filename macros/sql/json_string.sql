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

{# https://spark.apache.org/docs/latest/sql-ref-literals.html: a backslash in a literal is written twice. #}
{% macro spark__json_string(expression) -%}
    coalesce(
        '"' || replace(replace(replace(replace(replace({{ expression }},
            '\\', '\\\\'), '"', '\\"'), chr(9), '\\t'), chr(10), '\\n'), chr(13), '\\r') || '"',
        'null'
    )
{%- endmacro %}
