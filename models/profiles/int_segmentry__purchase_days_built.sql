{{ config(**segmentry.event_grain()) }}

with orders as (
    select
        orders.customer_id,
        orders.ordered_local_at,
        orders.gross_amount,
        orders.refund_amount
    from {{ ref('int_segmentry__orders_built') }} as orders
    {% if is_incremental() %}
    left join (select distinct customer_id from {{ this }}) as built
        on orders.customer_id = built.customer_id
    where built.customer_id is null
    {% endif %}
),

built_purchase_days as (
    {{ segmentry.purchase_days('orders', keys=['customer_id']) }}
)

{{ segmentry.with_fingerprint('built_purchase_days') }}
