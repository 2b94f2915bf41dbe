{# The least of numbered columns; least() needs at least two arguments on some engines. #}
{% macro least_of(numbers, prefix) -%}
    {%- if numbers | length == 1 -%}
        {{ prefix }}{{ numbers[0] }}
    {%- else -%}
        least({% for number in numbers %}{{ prefix }}{{ number }}{{ ', ' if not loop.last }}{% endfor %})
    {%- endif -%}
{%- endmacro %}
