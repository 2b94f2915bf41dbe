{# Aggregate: texts side by side, with a separator between them, in a given order. #}
{% macro join_texts(expression, separator, order_by) -%}
    {{ return(adapter.dispatch('join_texts', 'segmentry')(expression, separator, order_by)) }}
{%- endmacro %}

{% macro default__join_texts(expression, separator, order_by) -%}
    {{ dbt.listagg(expression, dbt.string_literal(separator), 'order by ' ~ order_by) }}
{%- endmacro %}

{# dbt's own knows no order there. https://docs.databricks.com/aws/en/sql/language-manual/functions/listagg #}
{% macro databricks__join_texts(expression, separator, order_by) -%}
    listagg({{ expression }}, '{{ separator }}') within group (order by {{ order_by }})
{%- endmacro %}
