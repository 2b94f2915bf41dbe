{# A bound of Wilson's interval of a share of a count: `sign` is - for the lower and + for the upper one. Wilson, Probable inference, 1927. #}
{% macro wilson_bound(share, count, z, sign) -%}
    ({{ share }} + {{ z * z }} / (2 * {{ count }}) {{ sign }} {{ z }} * sqrt({{ share }} * (1 - {{ share }}) / {{ count }} + {{ z * z }} / (4.0 * {{ count }} * {{ count }})))
    / (1 + {{ z * z }} / {{ count }})
{%- endmacro %}
