-- What the event-grain models compare their rows with. Sums of hashes do not depend on the order of events.
-- noqa: disable=LT02
{{ config(materialized='table' if var('segmentry_incremental') else 'view') }}

with unsettled_hashes as (
    {{ segmentry.event_hashes(since=segmentry.settled_until() if var('segmentry_incremental') else none) | indent(4) }}
),

-- An event that is given several times, or deleted, changes what counts for whoever else has it.
duplicate_hashes as (
    select
        source_customer_id,
        0 as event_count,
        0 as has_order,
        0 as has_activity,
        sum({{ segmentry.row_hash(['event_hash', 'event_id', 'occurrence', 'duplicate_reason']) }}) as hash_sum
    from {{ ref('int_segmentry__duplicate_events_ranked') }}
    group by source_customer_id
),

source_hashes as (
    select
        source_customer_id,
        event_count,
        has_order,
        has_activity,
        hash_sum
    from unsettled_hashes
    union all
    {% if var('segmentry_incremental') %}
    select
        source_customer_id,
        event_count,
        has_order,
        has_activity,
        hash_sum
    from {{ ref('int_segmentry__settled_events_hashed') }}
    union all
    {% endif %}
    select
        source_customer_id,
        event_count,
        has_order,
        has_activity,
        hash_sum
    from duplicate_hashes
),

customer_hashes as (
    select
        coalesce(merge_map.customer_id, source_hashes.source_customer_id) as customer_id,
        sum(source_hashes.event_count) as event_count,
        max(source_hashes.has_order) as has_order,
        max(source_hashes.has_activity) as has_activity,
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
    customer_hashes.has_order,
    customer_hashes.has_activity,
    loads.loaded_until,
    bases.basis
from customer_hashes
cross join loads
cross join bases
