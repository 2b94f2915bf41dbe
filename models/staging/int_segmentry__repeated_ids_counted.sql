-- A table of its own, as it is small: engines that know so find the events themselves without reading all columns of all others.
{{ config(materialized='table') }}

{# Ids of the events that came since the last complete build, or were in the future then and rejected; all others repeat as often as before. #}
{% set since = segmentry.loaded_until() if segmentry.goes_on('int_segmentry__duplicate_events_ranked') else none %}
with
{% if since %}
new_ids as (
    select distinct event_id
    from {{ ref('int_segmentry__events_typed') }}
    where
        loaded_at >= {{ since }}
        or loaded_at = {{ segmentry.never_loaded() }}
        or event_at >= {{ since }}
),

{% endif %}
id_counts as (
    select
        events_typed.event_id,
        count(case when events_typed.reject_reason is null then 1 end) as event_count,
        max(case when events_typed.reject_reason = 'deletion' then 1 else 0 end) as is_deleted
    from {{ ref('int_segmentry__events_typed') }} as events_typed
    {% if since -%}
    inner join new_ids
        on events_typed.event_id = new_ids.event_id
    {% else -%}
    where events_typed.event_id is not null
    {% endif -%}
    group by events_typed.event_id
)

select
    event_id,
    is_deleted
from id_counts
where event_count > 1 or is_deleted = 1
