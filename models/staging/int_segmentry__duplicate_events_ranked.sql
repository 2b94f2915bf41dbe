-- Only events whose id occurs more than once; which of them counts is decided by a total order.
with repeated_ids as (
    select event_id
    from {{ ref('int_segmentry__events_typed') }}
    where reject_reason is null and event_id is not null
    group by event_id
    having count(*) > 1
),

candidates as (
    select events_typed.*
    from {{ ref('int_segmentry__events_typed') }} as events_typed
    inner join repeated_ids
        on events_typed.event_id = repeated_ids.event_id
    where events_typed.reject_reason is null
),

ranked as (
    select
        candidates.*,
        row_number() over (
            partition by candidates.event_id
            order by candidates.event_at, candidates.source_customer_id, candidates.event_type, candidates.amount, candidates.event_hash
        ) as occurrence,
        first_value(candidates.event_hash) over (
            partition by candidates.event_id
            order by candidates.event_at, candidates.source_customer_id, candidates.event_type, candidates.amount, candidates.event_hash
        ) as kept_hash
    from candidates
)

select
    ranked.*,
    case
        when ranked.occurrence = 1 then null
        when ranked.event_hash = ranked.kept_hash then 'duplicate'
        else 'conflicting_duplicate'
    end as duplicate_reason
from ranked
