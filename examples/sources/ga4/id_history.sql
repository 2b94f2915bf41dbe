-- Google Analytics 4, BigQuery export: a device (user_pseudo_id) becomes the user who signs in on it. BigQuery.
-- One row a day rather than one in all: of several users of one device, the first or the last can be told.
select
    user_pseudo_id as old_id,
    user_id as new_id,
    min(timestamp_micros(event_timestamp)) as merged_at
from `your-project.analytics_123456789.events_*`
where
    _table_suffix not like 'intraday%'
    and user_pseudo_id is not null
    and user_id is not null
group by user_pseudo_id, user_id, event_date
