{# The events that count, each with the customer it belongs to today; all, or those that carry one of the few ids of `only_ids` (a
   table with `id`). #}
{% macro resolve_events(only_ids=none) -%}
    {%- set columns = [
        'event_at', 'event_local_at', 'event_type', 'session_id', 'order_id', 'channel', 'device_type', 'category', 'amount',
        'discount_amount',
    ] -%}
    {%- set all_events = ref('int_segmentry__events_typed') -%}
    {%- set events = segmentry.few_rows(all_events, 'source_customer_id', only_ids, 'id') if only_ids else all_events -%}
    {%- set duplicates = ref('int_segmentry__duplicate_events_ranked') -%}
    select
        coalesce(merge_map.customer_id, kept_events.source_customer_id) as customer_id,
        kept_events.source_customer_id,
        coalesce(merge_map.depth > 0 and kept_events.event_at > merge_map.merged_at, false) as is_on_retired_id,
        {% for column in columns %}kept_events.{{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from (
        select
            events_typed.source_customer_id,
            {% for column in columns %}events_typed.{{ column }}{{ ',' if not loop.last }}
            {% endfor %}
        from {{ events }} as events_typed
        left join (select distinct event_id from {{ duplicates }}) as duplicated_ids
            on events_typed.event_id = duplicated_ids.event_id
        where events_typed.reject_reason is null and duplicated_ids.event_id is null
        union all
        select
            duplicates.source_customer_id,
            {% for column in columns %}duplicates.{{ column }}{{ ',' if not loop.last }}
            {% endfor %}
        from {{ duplicates }} as duplicates
        where
            duplicates.duplicate_reason is null
            {% if only_ids -%}
            and duplicates.source_customer_id in (select id from {{ only_ids }})
            {% endif %}

    ) as kept_events
    left join {{ ref('int_segmentry__merge_map_resolved') }} as merge_map
        on kept_events.source_customer_id = merge_map.id
    where {{ segmentry.is_before_as_of('kept_events.event_local_at') }}
{%- endmacro %}

{# Whether an event is before as_of. Without the var that is the midnight after the latest event: no event is later. #}
{% macro is_before_as_of(event_local_at) -%}
    {%- if var('segmentry_as_of') -%}
        {{ event_local_at }} < cast('{{ var("segmentry_as_of") }}' as {{ dbt.type_timestamp() }})
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
