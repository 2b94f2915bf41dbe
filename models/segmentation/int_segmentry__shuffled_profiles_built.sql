-- Profiles as they would be if nobody had preferences: every customer keeps the times of orders and visits, but what was spent, saved, viewed and
-- put into carts, and the hour, are those of anybody's order or visit. The same macros as today's profiles, on the sample on which the kind of
-- segments is judged. A replicate is a rotation of one random order (by hash): a shuffle that costs one sort for all replicates.
{% set keys = ['replicate', 'customer_id'] %}
{% set replicates = var('segmentry_null_replicates') if var('segmentry_mode') == 'refit' else 0 %}
{% set hashed = dbt.hash("'" ~ var('segmentry_seed') ~ ":' || {}") %}
{% set donor_place = "mod({0}.place + replicates.replicate * greatest(1, cast(floor({0}.total / " ~ (replicates + 1) ~ ") as " ~ dbt.type_bigint() ~ ")), {0}.total)" %}
with placed_customers as (
    select
        customer_id,
        tenure_days,
        days_since_seen,
        recency_days,
        row_number() over (order by {{ hashed.format('customer_id') }}, customer_id) as place
    from {{ ref('int_segmentry__profiles_joined') }}
),

sampled_customers as (
    select
        customer_id,
        tenure_days,
        days_since_seen,
        recency_days
    from placed_customers
    where place <= {{ var('segmentry_kind_sample_customers') }}
),

replicates as (
    {% for replicate in range(1, replicates + 1) %}
    select {{ replicate }} as replicate
    {{ 'union all' if not loop.last }}
    {% else %}
    select 0 as replicate
    where 1 = 0
    {% endfor %}
),

spans as (
    select
        replicates.replicate,
        run.observation_end_date
    from replicates
    cross join {{ ref('int_segmentry__run') }} as run
),

placed_orders as (
    select
        orders.customer_id,
        orders.ordered_local_at,
        orders.gross_amount,
        orders.discount_amount,
        row_number() over (order by {{ hashed.format("orders.customer_id || ':' || orders.order_key") }}, orders.customer_id, orders.order_key) - 1 as place,
        count(*) over () as total
    from {{ ref('int_segmentry__orders_built') }} as orders
    inner join sampled_customers
        on orders.customer_id = sampled_customers.customer_id
),

shuffled_orders as (
    select
        replicates.replicate,
        placed_orders.customer_id,
        placed_orders.ordered_local_at,
        donors.gross_amount,
        donors.discount_amount
    from placed_orders
    cross join replicates
    inner join placed_orders as donors
        on {{ donor_place.format('placed_orders') }} = donors.place
),

-- Visits change with visits and orders with orders: whether a session is one is part of how often the customer comes.
placed_sessions as (
    select
        sessions.customer_id,
        sessions.session_key,
        sessions.started_at,
        sessions.ended_at,
        sessions.started_local_at,
        sessions.is_visit,
        sessions.has_order,
        sessions.page_view_count,
        sessions.item_view_count,
        sessions.cart_addition_count,
        row_number() over (
            partition by sessions.is_visit, sessions.has_order
            order by {{ hashed.format("sessions.customer_id || ':' || sessions.session_key") }}, sessions.customer_id, sessions.session_key
        ) - 1 as place,
        count(*) over (partition by sessions.is_visit, sessions.has_order) as total
    from {{ ref('int_segmentry__sessions_built') }} as sessions
    inner join sampled_customers
        on sessions.customer_id = sampled_customers.customer_id
),

shuffled_sessions as (
    select
        replicates.replicate,
        placed_sessions.customer_id,
        placed_sessions.session_key,
        placed_sessions.started_at,
        placed_sessions.ended_at,
        placed_sessions.is_visit,
        placed_sessions.has_order,
        donors.started_local_at,
        donors.page_view_count,
        donors.item_view_count,
        donors.cart_addition_count
    from placed_sessions
    cross join replicates
    inner join placed_sessions as donors
        on
            placed_sessions.is_visit = donors.is_visit
            and placed_sessions.has_order = donors.has_order
            and {{ donor_place.format('placed_sessions') }} = donors.place
),

shuffled_revenue as (
    {{ segmentry.revenue('shuffled_orders', 'spans', keys) }}
),

shuffled_engagement as (
    {{ segmentry.engagement('shuffled_sessions', keys) }}
)

select
    replicates.replicate,
    sampled_customers.customer_id,
    sampled_customers.tenure_days,
    sampled_customers.days_since_seen,
    sampled_customers.recency_days,
    {{ segmentry.counts_for_features('shuffled_revenue', 'shuffled_engagement') }}
from sampled_customers
cross join replicates
left join shuffled_revenue
    on sampled_customers.customer_id = shuffled_revenue.customer_id and replicates.replicate = shuffled_revenue.replicate
left join shuffled_engagement
    on sampled_customers.customer_id = shuffled_engagement.customer_id and replicates.replicate = shuffled_engagement.replicate
