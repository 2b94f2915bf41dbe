{# Event ids that occur more than once among events that can be used, or are deleted: of all events, or of those that came since `since` (a literal), or
   were in the future then and rejected; all others repeat as often as before. Grain: event_id. #}
{% macro repeated_ids(since=none) -%}
    {%- set events = ref('int_segmentry__events_typed') -%}
    select
        events_typed.event_id,
        max(case when events_typed.reject_reason = 'deletion' then 1 else 0 end) as is_deleted
    from {{ events }} as events_typed
    {% if since -%}
    inner join (
        select distinct event_id
        from {{ events }}
        where
            loaded_at >= {{ since }}
            or loaded_at = {{ segmentry.never_loaded() }}
            or event_at >= {{ since }}
    ) as new_ids
        on events_typed.event_id = new_ids.event_id
    {%- else -%}
    where events_typed.event_id is not null
    {%- endif %}

    group by events_typed.event_id
    having
        count(case when events_typed.reject_reason is null then 1 end) > 1
        or max(case when events_typed.reject_reason = 'deletion' then 1 else 0 end) = 1
{%- endmacro %}
