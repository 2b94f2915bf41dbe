-- Segment (Twilio) warehouse tables: an anonymous id becomes the user of an identify call, a previous id the user of an alias call.
-- Every call is kept: which of several users of one device counts is decided by segmentry_conflict_policy.
select
    anonymous_id as old_id,
    user_id as new_id,
    timestamp as merged_at,
    received_at as ingested_at,
    'identify' as source
from your_source.identifies
where anonymous_id is not null and user_id is not null
union all
select
    previous_id as old_id,
    user_id as new_id,
    timestamp as merged_at,
    received_at as ingested_at,
    'alias' as source
from your_source.aliases
where previous_id is not null and user_id is not null
