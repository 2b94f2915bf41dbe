-- What falls on a path itself; the levels above add it up. Short numbers instead of paths.
-- An order is counted by its lines; one without lines once per category, however many payments it has.
with paid_orders as (
    select distinct
        customer_id,
        category,
        order_id
    from {{ ref('int_segmentry__events_resolved') }}
    where event_type = 'purchase' and category is not null and order_id is not null
),

itemised_orders as (
    select
        lines.customer_id,
        lines.order_id
    from {{ ref('int_segmentry__events_resolved') }} as lines
    inner join paid_orders
        on lines.customer_id = paid_orders.customer_id and lines.order_id = paid_orders.order_id
    where lines.event_type = 'purchase_item'
    group by lines.customer_id, lines.order_id
    having count(lines.category) > 0
),

counted_events as (
    select
        customer_id,
        category,
        event_type,
        order_id
    from {{ ref('int_segmentry__events_resolved') }}
    where category is not null
    union all
    select
        paid_orders.customer_id,
        paid_orders.category,
        'purchase' as event_type,
        cast(null as {{ dbt.type_string() }}) as order_id
    from paid_orders
    left join itemised_orders
        on paid_orders.customer_id = itemised_orders.customer_id and paid_orders.order_id = itemised_orders.order_id
    where itemised_orders.order_id is null
),

-- Paths are numbered level by level: the deepest has the highest number.
deepest_paths as (
    select
        category,
        max(path_number) as path_number
    from {{ ref('int_segmentry__category_paths_split') }}
    where category_path is not null
    group by category
)

select
    counted_events.customer_id,
    deepest_paths.path_number,
    count(case when counted_events.event_type in ('category_view', 'item_view') then 1 end) as view_count,
    count(case when counted_events.event_type = 'add_to_cart' then 1 end) as cart_count,
    count(case
        when counted_events.event_type = 'purchase_item' or (counted_events.event_type = 'purchase' and counted_events.order_id is null) then 1
    end) as purchase_count
from counted_events
inner join deepest_paths
    on counted_events.category = deepest_paths.category
group by counted_events.customer_id, deepest_paths.path_number
