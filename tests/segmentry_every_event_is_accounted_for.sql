-- Rows in = used + outside the window + rejected, counted independently of each other.
select
    run_id,
    event_count,
    events_used,
    events_outside_window,
    events_rejected
from {{ ref('segmentry__segmentation_runs') }}
where event_count <> events_used + events_outside_window + events_rejected
