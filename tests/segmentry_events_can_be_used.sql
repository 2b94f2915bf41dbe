-- More than a tenth of the events could not be used: a mapping is wrong more often than the events are. Look at rejected_events, by reason. Events that
-- are there twice, and those that were taken back or erased, are no mistake.
{{ config(severity='warn') }}

with newest_run as (
    select
        event_count,
        row_number() over (order by recorded_at desc, run_id asc) as recency
    from {{ ref('segmentry__segmentation_runs') }}
),

unusable_events as (
    select
        reason,
        count(*) as event_count
    from {{ ref('segmentry__rejected_events') }}
    where reason not in ('duplicate', 'conflicting_duplicate', 'deletion', 'deleted', 'erased')
    group by reason
)

select
    unusable_events.reason,
    unusable_events.event_count,
    newest_run.event_count as all_event_count
from unusable_events
cross join newest_run
where newest_run.recency = 1 and (select sum(counted.event_count) from unusable_events as counted) > 0.1 * newest_run.event_count
