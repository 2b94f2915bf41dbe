{{ config(**segmentry.event_grain()) }}

with built_orders as (
    {{ segmentry.orders(segmentry.events_to_build(needed='has_order'), keys=['customer_id']) }}
)

{{ segmentry.with_fingerprint('built_orders') }}
