{{ config(materialized="view") }}

{{ segmentry.select_optional(
    var('segmentry_events'),
    mandatory=['customer_id', 'event_at', 'event_type'],
    optional=[
        'event_id', 'session_id', 'order_id', 'channel', 'device_type', 'category', 'product_id',
        'quantity', 'amount', 'discount_amount', 'currency', 'ingested_at', 'is_deleted',
    ]
) }}
