{# The rows of a table of customers that Python models read: all, or as many as there may be at most, by the hash that samples are drawn by in Python
   too, so that those are nested in this one. #}
{% macro model_sample(relation, columns) -%}
    {%- set limit = segmentry.model_customers() -%}
    select
        {{ (['customer_id'] + columns) | join(',\n        ') }}
    from {{ relation }}
    {%- if limit %}
    order by md5(concat('{{ var("segmentry_seed") }}:', customer_id)), customer_id
    limit {{ limit }}
    {%- endif %}
{%- endmacro %}
