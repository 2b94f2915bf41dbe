{# What features need of revenue and engagement, 0 where a customer has none: columns of a select over a left join of both. #}
{% macro counts_for_features(revenue, engagement) -%}
    {%- for column in ('gross_revenue', 'order_count', 'discounted_order_count') %}
    coalesce({{ revenue }}.{{ column }}, 0) as {{ column }},
    {%- endfor %}
    {%- for column in ('session_count', 'visit_count', 'page_views', 'cart_session_count', 'abandoned_cart_count', 'weekend_session_count') %}
    coalesce({{ engagement }}.{{ column }}, 0) as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
