-- Nothing is counted twice or lost on the way to the profiles: their sums are those of the events, counted here without orders or sessions.
with payments as (
    select distinct
        customer_id,
        order_id
    from {{ ref('int_segmentry__events_resolved') }}
    where event_type = 'purchase' and order_id is not null
),

-- Days on which a customer paid without naming an order: lines without an order id belong to such a payment.
payment_days as (
    select distinct
        customer_id,
        cast(event_local_at as date) as order_date
    from {{ ref('int_segmentry__events_resolved') }}
    where event_type = 'purchase' and order_id is null
),

events as (
    select
        events_resolved.customer_id,
        events_resolved.event_type,
        events_resolved.order_id,
        events_resolved.amount,
        events_resolved.discount_amount,
        cast(events_resolved.event_local_at as date) as order_date,
        case
            when events_resolved.event_type = 'purchase' then 1
            when events_resolved.event_type = 'purchase_item' and events_resolved.order_id is not null and payments.order_id is null then 1
            when events_resolved.event_type = 'purchase_item' and events_resolved.order_id is null and payment_days.order_date is null then 1
            else 0
        end as has_order_money
    from {{ ref('int_segmentry__events_resolved') }} as events_resolved
    left join payments
        on events_resolved.customer_id = payments.customer_id and events_resolved.order_id = payments.order_id
    left join payment_days
        on events_resolved.customer_id = payment_days.customer_id and cast(events_resolved.event_local_at as date) = payment_days.order_date
),

order_ids as (
    select distinct
        customer_id,
        order_id
    from events
    where event_type in ('purchase', 'purchase_item') and order_id is not null
),

line_days as (
    select distinct
        customer_id,
        order_date
    from events
    where event_type = 'purchase_item' and order_id is null and has_order_money = 1
),

event_sums as (
    select
        coalesce(sum(case when has_order_money = 1 then amount end), 0) as gross_revenue,
        coalesce(sum(case when event_type = 'refund' then amount end), 0) as refund_amount,
        coalesce(sum(case when has_order_money = 1 then discount_amount end), 0) as discount_amount,
        coalesce(sum(case when event_type = 'purchase' and order_id is null then 1 end), 0)
        + (select count(*) from order_ids)
        + (select count(*) from line_days) as order_count,
        coalesce(sum(case when event_type in ('page_view', 'category_view', 'item_view') then 1 end), 0) as page_views,
        coalesce(sum(case when event_type = 'add_to_cart' then 1 end), 0) as cart_additions,
        count(distinct customer_id) as customer_count
    from events
),

profile_sums as (
    select
        coalesce(sum(gross_revenue), 0) as gross_revenue,
        coalesce(sum(refund_amount), 0) as refund_amount,
        coalesce(sum(discount_amount), 0) as discount_amount,
        coalesce(sum(order_count), 0) as order_count,
        coalesce(sum(page_views), 0) as page_views,
        coalesce(sum(cart_additions), 0) as cart_additions,
        coalesce(sum(session_count), 0) as session_count,
        count(*) as customer_count
    from {{ ref('int_segmentry__profiles_joined') }}
),

session_sums as (
    select count(*) as session_count
    from {{ ref('int_segmentry__sessions_built') }}
)

{% for measure in ['gross_revenue', 'refund_amount', 'discount_amount', 'order_count', 'page_views', 'cart_additions', 'customer_count'] %}
select
    '{{ measure }}' as measure,
    cast(event_sums.{{ measure }} as {{ dbt.type_string() }}) as in_events,
    cast(profile_sums.{{ measure }} as {{ dbt.type_string() }}) as in_profiles
from event_sums
cross join profile_sums
where event_sums.{{ measure }} <> profile_sums.{{ measure }}
union all
{% endfor %}
select
    'session_count' as measure,
    cast(session_sums.session_count as {{ dbt.type_string() }}) as in_events,
    cast(profile_sums.session_count as {{ dbt.type_string() }}) as in_profiles
from session_sums
cross join profile_sums
where session_sums.session_count <> profile_sums.session_count
