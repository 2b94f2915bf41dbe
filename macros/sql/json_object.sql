{# JSON text of an object. `members` maps keys to SQL expressions that are JSON text already; the order of the keys is kept. #}
{% macro json_object(members) -%}
    '{'
    {%- for key, expression in members.items() %}
    || '{{ ',' if not loop.first }}"{{ key }}":' || {{ expression }}
    {%- endfor %}
    || '}'
{%- endmacro %}
