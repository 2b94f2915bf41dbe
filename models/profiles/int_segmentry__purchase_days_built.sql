{% if var('segmentry_incremental') %}-- depends_on: {{ ref('int_segmentry__changed_ids_listed') }}{% endif %}
{{ config(**segmentry.event_grain()) }}

{% if is_incremental() %}
with orders_of_changed_customers as (
    select
        customer_id,
        fingerprint,
        ordered_local_at,
        gross_amount,
        refund_amount
    from {{ ref('int_segmentry__orders_built') }}
    where customer_id in (select customer_id from {{ ref('int_segmentry__changed_ids_listed') }})
)

{{ segmentry.purchase_days('orders_of_changed_customers', keys=['customer_id', 'fingerprint']) }}
{% else %}
with built_purchase_days as (
    {{ segmentry.purchase_days(ref('int_segmentry__orders_built'), keys=['customer_id']) }}
)

{{ segmentry.with_fingerprint('built_purchase_days') }}
{% endif %}
