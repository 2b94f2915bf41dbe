{# The end of a CTE whose columns are costly and read more than once further down. #}
{% macro evaluated_once() -%}
    {{ return(adapter.dispatch('evaluated_once', 'segmentry')()) }}
{%- endmacro %}

{# Most engines compute a column once. #}
{% macro default__evaluated_once() -%} {%- endmacro %}

{# PostgreSQL puts the expression in place of every reference, and of every reference to that, unless the rows are limited.
   https://www.postgresql.org/docs/current/queries-with.html#id-1.5.6.12.7 #}
{% macro postgres__evaluated_once() -%}
    offset 0
{%- endmacro %}
