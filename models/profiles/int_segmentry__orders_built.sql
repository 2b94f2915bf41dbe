{% if var('segmentry_incremental') %}-- depends_on: {{ ref('int_segmentry__changed_ids_listed') }}, {{ ref('int_segmentry__changed_events_resolved') }}{% endif %}
{{ config(**segmentry.event_grain()) }}

{% if is_incremental() %}
{{ segmentry.orders(ref('int_segmentry__changed_events_resolved'), keys=['customer_id', 'fingerprint']) }}
{% else %}
with built_orders as (
    {{ segmentry.orders(ref('int_segmentry__events_resolved'), keys=['customer_id']) }}
)

{{ segmentry.with_fingerprint('built_orders') }}
{% endif %}
