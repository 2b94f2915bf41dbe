-- Snowplow atomic.events: a browser (domain_userid) becomes the user who signs in on it. Plain SQL.
-- One row a day rather than one in all: of several users of one browser, the first or the last can be told.
select
    domain_userid as old_id,
    user_id as new_id,
    min(coalesce(derived_tstamp, collector_tstamp)) as merged_at
from atomic.events
where domain_userid is not null and user_id is not null
group by domain_userid, user_id, cast(collector_tstamp as date)
