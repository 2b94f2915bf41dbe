{# One row per order: a given order id, else a single purchase event. Several payments of one order are summed; the money of its lines counts
   only where there is no purchase event; refunds with the order's id are summed beside it, before any join, so that nothing is counted twice.
   Grain: `keys` and the order; no given id begins with a space, so the key of a single purchase never meets one. #}
{% macro orders(events, keys) -%}
    {%- set key_list = keys | join(', ') -%}
    with order_events as (
        select
            {{ key_list }},
            order_id,
            event_type,
            event_at,
            event_local_at,
            amount,
            discount_amount,
            quantity
        from {{ events }}
        where event_type in ('purchase', 'purchase_item', 'refund')
    ),

    given_orders as (
        select
            {{ key_list }},
            order_id,
            min(case when event_type <> 'refund' then event_at end) as ordered_at,
            min(case when event_type <> 'refund' then event_local_at end) as ordered_local_at,
            sum(case when event_type = 'purchase' then amount end) as purchase_amount,
            sum(case when event_type = 'purchase_item' then amount end) as item_amount,
            sum(case when event_type = 'purchase' then discount_amount end) as discount_amount,
            sum(case when event_type = 'refund' then amount end) as refund_amount
        from order_events
        where order_id is not null
        group by {{ key_list }}, order_id
    ),

    single_purchases as (
        select
            {{ key_list }},
            event_at,
            event_local_at,
            amount,
            discount_amount,
            row_number() over (partition by {{ key_list }} order by event_at, amount, discount_amount) as purchase_number
        from order_events
        where order_id is null and event_type = 'purchase'
    )

    select
        {{ key_list }},
        order_id as order_key,
        ordered_at,
        ordered_local_at,
        cast(coalesce(purchase_amount, item_amount, 0) as {{ segmentry.type_money() }}) as gross_amount,
        cast(coalesce(discount_amount, 0) as {{ segmentry.type_money() }}) as discount_amount,
        cast(coalesce(refund_amount, 0) as {{ segmentry.type_money() }}) as refund_amount
    from given_orders
    where ordered_at is not null
    union all
    select
        {{ key_list }},
        concat(' ', cast(purchase_number as {{ dbt.type_string() }})) as order_key,
        event_at as ordered_at,
        event_local_at as ordered_local_at,
        cast(amount as {{ segmentry.type_money() }}) as gross_amount,
        cast(coalesce(discount_amount, 0) as {{ segmentry.type_money() }}) as discount_amount,
        cast(0 as {{ segmentry.type_money() }}) as refund_amount
    from single_purchases
{%- endmacro %}
