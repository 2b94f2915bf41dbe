-- The profiles as they would have been: the same macros as today's profiles, over the events of each window and the merges known at its end,
-- for a sample of customers by hash.
{% set keys = ['window_id', 'customer_id'] %}
with sampled_customers as (
    select customer_id
    from {{ ref('int_segmentry__window_customers_sampled') }}
),

window_spans as (
    select
        window_id,
        lag_days,
        starts_at,
        as_of,
        observation_end_date
    from {{ ref('int_segmentry__windows_listed') }}
),

window_events as (
    select
        window_spans.window_id,
        case
            when window_spans.lag_days = 0 then events.customer_id
            else coalesce(window_map.customer_id, events.source_customer_id)
        end as customer_id,
        events.event_at,
        events.event_local_at,
        events.event_type,
        events.session_id,
        events.order_id,
        events.channel,
        events.device_type,
        events.amount,
        events.discount_amount
    from {{ ref('int_segmentry__events_resolved') }} as events
    inner join sampled_customers
        on events.customer_id = sampled_customers.customer_id
    inner join window_spans
        on events.event_local_at >= window_spans.starts_at and events.event_local_at < window_spans.as_of
    left join {{ ref('int_segmentry__window_merge_map_resolved') }} as window_map
        on window_spans.window_id = window_map.window_id and events.source_customer_id = window_map.id
),

window_sessions as (
    {{ segmentry.sessions('window_events', keys) }}
),

window_orders as (
    {{ segmentry.orders('window_events', keys) }}
),

window_purchase_days as (
    {{ segmentry.purchase_days('window_orders', keys) }}
),

window_lifecycle as (
    {{ segmentry.lifecycle('window_events', 'window_purchase_days', 'window_orders', 'window_spans', keys) }}
),

window_revenue as (
    {{ segmentry.revenue('window_orders', 'window_spans', keys) }}
),

window_engagement as (
    {{ segmentry.engagement('window_sessions', keys) }}
)

select
    window_lifecycle.window_id,
    window_lifecycle.customer_id,
    window_lifecycle.tenure_days,
    window_lifecycle.days_since_seen,
    window_lifecycle.recency_days,
    window_lifecycle.refund_amount,
    coalesce(window_revenue.discount_amount, 0) as discount_amount,
    {{ segmentry.counts_for_features('window_revenue', 'window_engagement') }}
from window_lifecycle
left join window_revenue
    on
        window_lifecycle.window_id = window_revenue.window_id
        and window_lifecycle.customer_id = window_revenue.customer_id
left join window_engagement
    on
        window_lifecycle.window_id = window_engagement.window_id
        and window_lifecycle.customer_id = window_engagement.customer_id
