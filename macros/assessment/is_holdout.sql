{# Whether a customer belongs to the control group: the first eight hex digits of a hash of salt and customer fall below
   segmentry_holdout_share of their range. The bound is computed here, so no engine has to turn hex into a number. #}
{% macro is_holdout(customer_id) -%}
    {%- set bound = (var('segmentry_holdout_share') * 4294967296) | round | int -%}
    {%- set salt = dbt.string_literal(dbt.escape_single_quotes(var('segmentry_holdout_salt') ~ ':')) -%}
    {#- 'g' sorts after every hex digit: a share of 1 holds everybody out. -#}
    substr({{ dbt.hash(salt ~ ' || ' ~ customer_id) }}, 1, 8) < '{{ 'g' if bound > 4294967295 else '%08x' | format(bound) }}'
{%- endmacro %}
