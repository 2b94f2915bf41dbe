{# Mean of a double from an exact decimal sum: a sum of doubles depends on the order of rows, which engines do not promise. #}
{% macro exact_mean(column) -%}
    cast(sum(cast({{ column }} as decimal(18, 6))) as {{ segmentry.type_double() }}) / nullif(count({{ column }}), 0)
{%- endmacro %}
