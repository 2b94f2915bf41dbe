{% if var('segmentry_incremental') %}-- depends_on: {{ ref('int_segmentry__repeated_ids_counted') }}{% endif %}
-- Only events whose id occurs more than once or is deleted; which of them counts is decided by a total order.
{{ config(
    materialized='incremental' if var('segmentry_incremental') else 'table',
    incremental_strategy='delete+insert',
    unique_key='event_id',
    on_schema_change='fail'
) }}

{# By what counts first: hashes differ between engines, and then only events that are alike in all of it. #}
{% set total_order = ['candidates.event_at', 'candidates.source_customer_id', 'candidates.event_type'] %}
{% for column in ['amount', 'discount_amount', 'order_id', 'session_id', 'channel', 'device_type', 'category'] %}
{% do total_order.append('candidates.' ~ column ~ ' asc nulls last') %}
{% endfor %}
{% do total_order.append('candidates.event_hash') %}
{% set repeated_ids = ref('int_segmentry__repeated_ids_counted') if is_incremental() else 'repeated_ids' %}
{% set all_events = ref('int_segmentry__events_typed') %}
{% set events = segmentry.few_rows(all_events, 'event_id', repeated_ids, 'event_id') if is_incremental() else all_events %}
with
{% if not is_incremental() %}
repeated_ids as (
    {{ segmentry.repeated_ids() | indent(4) }}
),

{% endif %}
candidates as (
    select
        events_typed.*,
        repeated_ids.is_deleted
    from {{ events }} as events_typed
    -- Few rows all have one, but engines change the order of inner joins, and would join all events first.
    {{ 'left' if is_incremental() else 'inner' }} join {{ repeated_ids }} as repeated_ids
        on events_typed.event_id = repeated_ids.event_id
    where events_typed.reject_reason is null
),

ranked as (
    select
        candidates.*,
        row_number() over (
            partition by candidates.event_id
            order by {{ total_order | join(', ') }}
        ) as occurrence,
        first_value(candidates.event_hash) over (
            partition by candidates.event_id
            order by {{ total_order | join(', ') }}
        ) as kept_hash
    from candidates
)

select
    ranked.event_id,
    ranked.source_customer_id,
    ranked.event_at,
    ranked.event_local_at,
    ranked.event_type,
    ranked.session_id,
    ranked.order_id,
    ranked.channel,
    ranked.device_type,
    ranked.category,
    ranked.amount,
    ranked.discount_amount,
    ranked.event_hash,
    ranked.occurrence,
    case
        when ranked.is_deleted = 1 then 'deleted'
        when ranked.occurrence = 1 then null
        when ranked.event_hash = ranked.kept_hash then 'duplicate'
        else 'conflicting_duplicate'
    end as duplicate_reason
from ranked
