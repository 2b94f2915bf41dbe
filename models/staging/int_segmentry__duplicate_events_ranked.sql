-- Counting 64-bit hashes of the ids finds the few candidates at a third of the memory of counting the ids;
-- the ids themselves then decide.
with repeated_hashes as (
    select {{ segmentry.row_hash(['event_id']) }} as event_id_hash
    from {{ ref('int_segmentry__events_typed') }}
    where reject_reason is null and event_id is not null
    group by {{ segmentry.row_hash(['event_id']) }}
    having count(*) > 1
),

candidates as (
    select events_typed.*
    from {{ ref('int_segmentry__events_typed') }} as events_typed
    inner join repeated_hashes
        on {{ segmentry.row_hash(['events_typed.event_id']) }} = repeated_hashes.event_id_hash
    where events_typed.reject_reason is null and events_typed.event_id is not null
),

ranked as (
    select
        candidates.*,
        row_number() over (
            partition by candidates.event_id
            order by candidates.event_at, candidates.source_customer_id, candidates.event_type, candidates.amount, candidates.event_hash
        ) as occurrence,
        count(*) over (partition by candidates.event_id) as occurrence_count,
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
where ranked.occurrence_count > 1
