-- The events of the few whose sessions, orders and purchase days are built again, looked for among all events once.
{{ config(materialized='table' if var('segmentry_incremental') else 'view') }}

with resolved_events as (
    {{ segmentry.resolve_events(only_ids=ref('int_segmentry__changed_ids_listed')) }}
)

select
    resolved_events.customer_id,
    changed_ids.fingerprint,
    resolved_events.event_at,
    resolved_events.event_local_at,
    resolved_events.event_type,
    resolved_events.session_id,
    resolved_events.order_id,
    resolved_events.channel,
    resolved_events.device_type,
    resolved_events.amount,
    resolved_events.discount_amount
from resolved_events
inner join {{ ref('int_segmentry__changed_ids_listed') }} as changed_ids
    on resolved_events.source_customer_id = changed_ids.id
