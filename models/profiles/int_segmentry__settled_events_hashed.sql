-- What a customer's fingerprint takes from events that later loads leave as they are, so that a build hashes only the others.
-- Each build adds a row for every id whose events have settled since the build before; sums of hashes do not depend on the order.
{{ config(
    materialized='incremental' if var('segmentry_incremental') else 'view',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook='{{ segmentry.forget_unsettled_hashes(this) }}' if var('segmentry_incremental') else []
) }}

with loads as (
    {{ segmentry.latest_load() | indent(4) }}
),

hashed as (
    {{ segmentry.event_hashes(
        since=segmentry.settled_until(that_stand=true) if is_incremental() else none,
        until='(select loads.loaded_until from loads)'
    ) | indent(4) }}
)

select
    hashed.source_customer_id,
    hashed.event_count,
    hashed.order_event_count,
    hashed.activity_event_count,
    hashed.hash_sum,
    loads.loaded_until as settled_until,
    '{{ var("segmentry_as_of") }}' as counted_before
from hashed
cross join loads
