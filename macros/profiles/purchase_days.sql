{# One row per day with an order: the occasion that value and churn models count. Grain: `keys` and order_date (business time zone). #}
{% macro purchase_days(orders, keys) -%}
    {%- set key_list = keys | join(', ') -%}
    select
        {{ key_list }},
        cast(ordered_local_at as date) as order_date,
        cast(count(*) as {{ dbt.type_bigint() }}) as order_count,
        cast(sum(gross_amount) as {{ segmentry.type_money() }}) as gross_amount,
        cast(sum(refund_amount) as {{ segmentry.type_money() }}) as refund_amount
    from {{ orders }}
    group by {{ key_list }}, cast(ordered_local_at as date)
{%- endmacro %}
