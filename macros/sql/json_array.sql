{# Aggregate: JSON text of an array of items that are JSON text already, in a given total order. #}
{% macro json_array(expression, order_by) -%}
    '[' || {{ segmentry.join_texts(expression, ',', order_by) }} || ']'
{%- endmacro %}
