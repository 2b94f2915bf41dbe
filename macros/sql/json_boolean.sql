{# JSON text of a boolean; the word null for NULL. #}
{% macro json_boolean(expression) -%}
    case when {{ expression }} then 'true' when not ({{ expression }}) then 'false' else 'null' end
{%- endmacro %}
