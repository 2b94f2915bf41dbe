-- What the event-grain models compare their rows with. Sums of hashes do not depend on the order of events.
-- noqa: disable=LT02
{{ config(materialized='table' if var('segmentry_incremental') else 'view') }}

with unsettled_hashes as (
    {{ segmentry.event_hashes(since=segmentry.settled_until() if var('segmentry_incremental') else none) | indent(4) }}
),

-- An event that is given several times, or deleted, changes what counts for whoever else has it. One that does not count makes no order and no session.
duplicate_hashes as (
    select
        source_customer_id,
        0 as event_count,
        -count(case when duplicate_reason is not null and {{ segmentry.is_before_as_of('event_local_at') }} and {{ segmentry.is_order_event() }} then 1 end) as order_event_count,
        -count(case when duplicate_reason is not null and {{ segmentry.is_before_as_of('event_local_at') }} and ({{ segmentry.is_activity() }}) then 1 end) as activity_event_count,
        sum({{ segmentry.row_hash(['event_hash', 'event_id', 'occurrence', 'duplicate_reason']) }}) as hash_sum
    from {{ ref('int_segmentry__duplicate_events_ranked') }}
    group by source_customer_id
),

source_hashes as (
    select
        source_customer_id,
        event_count,
        order_event_count,
        activity_event_count,
        hash_sum
    from unsettled_hashes
    union all
    {% if var('segmentry_incremental') %}
    select
        source_customer_id,
        event_count,
        order_event_count,
        activity_event_count,
        hash_sum
    from {{ ref('int_segmentry__settled_events_hashed') }}
    union all
    {% endif %}
    select
        source_customer_id,
        event_count,
        order_event_count,
        activity_event_count,
        hash_sum
    from duplicate_hashes
),

customer_hashes as (
    select
        coalesce(merge_map.customer_id, source_hashes.source_customer_id) as customer_id,
        sum(source_hashes.event_count) as event_count,
        sum(source_hashes.order_event_count) as order_event_count,
        sum(source_hashes.activity_event_count) as activity_event_count,
        sum(source_hashes.hash_sum) as hash_sum
    from source_hashes
    left join {{ ref('int_segmentry__merge_map_resolved') }} as merge_map
        on source_hashes.source_customer_id = merge_map.id
    group by coalesce(merge_map.customer_id, source_hashes.source_customer_id)
),

loads as (
    {{ segmentry.latest_load() | indent(4) }}
),

bases as (
    {{ segmentry.event_basis() }}
)

select
    customer_hashes.customer_id,
    {{ segmentry.row_hash(['customer_hashes.event_count', 'customer_hashes.hash_sum']) }} as fingerprint,
    case when customer_hashes.order_event_count > 0 then 1 else 0 end as has_order,
    case when customer_hashes.activity_event_count > 0 then 1 else 0 end as has_activity,
    loads.loaded_until,
    bases.basis
from customer_hashes
cross join loads
cross join bases
