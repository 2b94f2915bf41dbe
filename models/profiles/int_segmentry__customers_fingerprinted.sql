-- What the event-grain models compare their rows with. Sums of hashes do not depend on the order of events.
-- noqa: disable=LT02
{{ config(materialized='table' if var('segmentry_incremental') else 'view') }}

with typed_hashes as (
    select
        source_customer_id,
        count(*) as event_count,
        sum(event_hash) as hash_sum
    from {{ ref('int_segmentry__events_typed') }}
    where
        reject_reason is null
        {% if var('segmentry_as_of') -%}
        and event_local_at < cast('{{ var("segmentry_as_of") }}' as {{ dbt.type_timestamp() }})
        {%- endif %}
    group by source_customer_id
),

-- An event that is given several times, or deleted, changes what counts for whoever else has it.
duplicate_hashes as (
    select
        source_customer_id,
        0 as event_count,
        sum({{ segmentry.row_hash(['event_hash', 'event_id', 'occurrence', 'duplicate_reason']) }}) as hash_sum
    from {{ ref('int_segmentry__duplicate_events_ranked') }}
    group by source_customer_id
),

source_hashes as (
    select
        source_customer_id,
        event_count,
        hash_sum
    from typed_hashes
    union all
    select
        source_customer_id,
        event_count,
        hash_sum
    from duplicate_hashes
),

customer_hashes as (
    select
        coalesce(merge_map.customer_id, source_hashes.source_customer_id) as customer_id,
        sum(source_hashes.event_count) as event_count,
        sum(source_hashes.hash_sum) as hash_sum
    from source_hashes
    left join {{ ref('int_segmentry__merge_map_resolved') }} as merge_map
        on source_hashes.source_customer_id = merge_map.id
    group by coalesce(merge_map.customer_id, source_hashes.source_customer_id)
),

loads as (
    select max(loaded_at) as loaded_until
    from {{ ref('int_segmentry__events_typed') }}
),

bases as (
    {{ segmentry.event_basis() }}
)

select
    customer_hashes.customer_id,
    {{ segmentry.row_hash(['customer_hashes.event_count', 'customer_hashes.hash_sum']) }} as fingerprint,
    loads.loaded_until,
    bases.basis
from customer_hashes
cross join loads
cross join bases
