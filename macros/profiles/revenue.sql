{# What a customer spent. `span` has the columns of `keys` but customer_id, and observation_end_date. Grain: `keys`; customers without an order have no row. #}
{% macro revenue(orders, span, keys) -%}
    {%- set key_list = keys | join(', ') -%}
    {%- set span_keys = keys | reject('equalto', 'customer_id') | list -%}
    with dated_orders as (
        select
            {% for key in keys %}orders.{{ key }},
            {% endfor %}
            orders.gross_amount,
            orders.discount_amount,
            {{ dbt.datediff("orders.ordered_local_at", "span.observation_end_date", "day") }} as days_ago
        from {{ orders }} as orders
        {% if span_keys -%}
        inner join {{ span }} as span
            on {% for key in span_keys %}orders.{{ key }} = span.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
        {%- else -%}
        cross join {{ span }} as span
        {%- endif %}

    )

    select
        {{ key_list }},
        cast(sum(gross_amount) as {{ segmentry.type_money() }}) as gross_revenue,
        cast(sum(discount_amount) as {{ segmentry.type_money() }}) as discount_amount,
        cast(count(*) as {{ dbt.type_bigint() }}) as order_count,
        cast(count(case when discount_amount > 0 then 1 end) as {{ dbt.type_bigint() }}) as discounted_order_count,
        cast(sum(case when days_ago < 90 then gross_amount else 0 end) as {{ segmentry.type_money() }}) as revenue_90d,
        cast(sum(case when days_ago < 365 then gross_amount else 0 end) as {{ segmentry.type_money() }}) as revenue_365d,
        cast(count(case when days_ago < 90 then 1 end) as {{ dbt.type_bigint() }}) as orders_90d
    from dated_orders
    group by {{ key_list }}
{%- endmacro %}
