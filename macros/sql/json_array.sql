{# Aggregate: JSON text of an array of items that are JSON text already, in a given total order. #}
{% macro json_array(expression, order_by) -%}
    '[' || {{ dbt.listagg(expression, "','", "order by " ~ order_by) }} || ']'
{%- endmacro %}
