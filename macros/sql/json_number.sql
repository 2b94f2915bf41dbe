{# JSON text of a number with a fixed count of decimals (the same text on every engine); the word null for NULL. #}
{% macro json_number(expression, decimals=0) -%}
    coalesce(cast(cast({{ expression }} as decimal(18, {{ decimals }})) as {{ dbt.type_string() }}), 'null')
{%- endmacro %}
