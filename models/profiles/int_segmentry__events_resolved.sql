-- The events that count, each with the customer it belongs to today.
{% set columns = [
    'event_at', 'event_local_at', 'event_type', 'session_id', 'order_id', 'channel', 'device_type', 'category',
    'product_id', 'quantity', 'amount', 'discount_amount',
] %}

-- noqa: disable=LT02
with duplicated_ids as (
    select distinct event_id
    from {{ ref('int_segmentry__duplicate_events_ranked') }}
),

kept_events as (
    select
        events_typed.source_customer_id,
        {% for column in columns %}events_typed.{{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_segmentry__events_typed') }} as events_typed
    left join duplicated_ids
        on events_typed.event_id = duplicated_ids.event_id
    where events_typed.reject_reason is null and duplicated_ids.event_id is null
    union all
    select
        duplicates.source_customer_id,
        {% for column in columns %}duplicates.{{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_segmentry__duplicate_events_ranked') }} as duplicates
    where duplicates.occurrence = 1
)

select
    coalesce(merge_map.customer_id, kept_events.source_customer_id) as customer_id,
    kept_events.source_customer_id,
    coalesce(merge_map.depth > 0 and kept_events.event_at > merge_map.merged_at, false) as is_on_retired_id,
    {% for column in columns %}kept_events.{{ column }}{{ ',' if not loop.last }}
    {% endfor %}
from kept_events
inner join {{ ref('int_segmentry__run') }} as run
    on kept_events.event_local_at < run.as_of
left join {{ ref('int_segmentry__merge_map_resolved') }} as merge_map
    on kept_events.source_customer_id = merge_map.id
