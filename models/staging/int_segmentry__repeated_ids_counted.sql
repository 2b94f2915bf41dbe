-- A table of its own, as it is small: engines that know so find the events themselves without reading all columns of all others.
{{ config(materialized='table' if var('segmentry_incremental') else 'view') }}

select
    event_id,
    is_deleted
from ({{ segmentry.repeated_ids(since=segmentry.loaded_until() if var('segmentry_incremental') else none) }}) as repeated_ids
{% if not segmentry.goes_on('int_segmentry__duplicate_events_ranked') -%}
-- What is built from nothing looks for them itself.
where 1 = 0
{%- endif %}
