{# Whether an event makes an order; a refund alone does not. #}
{% macro is_order_event() -%} event_type in ('purchase', 'purchase_item') {%- endmacro %}

{# One row per order: a given order id; without one, a single purchase event, or the lines of a day that has no such purchase. Several payments of one
   order are summed; the money of its lines counts only where there is no purchase event; refunds with the order's id are summed beside it, before any
   join, so that nothing is counted twice.
   Grain: `keys` and the order; no given id begins with a space, so the other keys never meet one. #}
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
            discount_amount
        from {{ events }}
        where event_type in ('purchase', 'purchase_item', 'refund')
    ),

    given_orders as (
        select
            {{ key_list }},
            order_id,
            min(case when {{ segmentry.is_order_event() }} then event_at end) as ordered_at,
            min(case when {{ segmentry.is_order_event() }} then event_local_at end) as ordered_local_at,
            max(case when event_type = 'purchase' then 1 else 0 end) as has_purchase,
            sum(case when event_type = 'purchase' then amount end) as purchase_amount,
            sum(case when event_type = 'purchase_item' then amount end) as item_amount,
            sum(case when event_type = 'purchase' then discount_amount end) as purchase_discount_amount,
            sum(case when event_type = 'purchase_item' then discount_amount end) as item_discount_amount,
            sum(case when event_type = 'refund' then amount end) as refund_amount
        from order_events
        where order_id is not null
        group by {{ key_list }}, order_id
    ),

    anonymous_events as (
        select
            {{ key_list }},
            event_type,
            event_at,
            event_local_at,
            cast(event_local_at as date) as order_date,
            amount,
            discount_amount
        from order_events
        where order_id is null and {{ segmentry.is_order_event() }}
    ),

    single_purchases as (
        select
            {{ key_list }},
            event_at,
            event_local_at,
            amount,
            discount_amount,
            row_number() over (partition by {{ key_list }} order by event_at, amount, discount_amount) as purchase_number
        from anonymous_events
        where event_type = 'purchase'
    ),

    {# Lines and the purchase that they belong to rarely share their second, but they share the day. #}
    anonymous_days as (
        select
            {{ key_list }},
            order_date,
            min(event_at) as ordered_at,
            min(event_local_at) as ordered_local_at,
            max(case when event_type = 'purchase' then 1 else 0 end) as has_purchase,
            sum(amount) as item_amount,
            sum(discount_amount) as item_discount_amount
        from anonymous_events
        group by {{ key_list }}, order_date
    )

    select
        {{ key_list }},
        order_id as order_key,
        ordered_at,
        ordered_local_at,
        cast(coalesce(case when has_purchase = 1 then purchase_amount else item_amount end, 0) as {{ segmentry.type_money() }}) as gross_amount,
        cast(
            coalesce(case when has_purchase = 1 then purchase_discount_amount else item_discount_amount end, 0) as {{ segmentry.type_money() }}
        ) as discount_amount,
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
    union all
    select
        {{ key_list }},
        concat(' ', cast(order_date as {{ dbt.type_string() }})) as order_key,
        ordered_at,
        ordered_local_at,
        cast(coalesce(item_amount, 0) as {{ segmentry.type_money() }}) as gross_amount,
        cast(coalesce(item_discount_amount, 0) as {{ segmentry.type_money() }}) as discount_amount,
        cast(0 as {{ segmentry.type_money() }}) as refund_amount
    from anonymous_days
    where has_purchase = 0
{%- endmacro %}
