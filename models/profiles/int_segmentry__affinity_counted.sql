-- Counted per category as given, then per level: the joins to levels meet few rows, and short numbers instead of paths.
with category_counts as (
    select
        customer_id,
        category,
        count(case when event_type in ('category_view', 'item_view') then 1 end) as view_count,
        count(case when event_type = 'add_to_cart' then 1 end) as cart_count,
        count(case when event_type = 'purchase_item' or (event_type = 'purchase' and order_id is null) then 1 end) as purchase_count
    from {{ ref('int_segmentry__events_resolved') }}
    where category is not null
    group by customer_id, category
),

-- An order is counted by its lines; one without lines once per category, however many payments it has.
itemised_orders as (
    select distinct
        customer_id,
        order_id
    from {{ ref('int_segmentry__events_resolved') }}
    where event_type = 'purchase_item' and category is not null and order_id is not null
),

paid_orders as (
    select distinct
        customer_id,
        category,
        order_id
    from {{ ref('int_segmentry__events_resolved') }}
    where event_type = 'purchase' and category is not null and order_id is not null
),

all_counts as (
    select
        customer_id,
        category,
        view_count,
        cart_count,
        purchase_count
    from category_counts
    union all
    select
        paid_orders.customer_id,
        paid_orders.category,
        0 as view_count,
        0 as cart_count,
        1 as purchase_count
    from paid_orders
    left join itemised_orders
        on paid_orders.customer_id = itemised_orders.customer_id and paid_orders.order_id = itemised_orders.order_id
    where itemised_orders.order_id is null
),

category_levels as (
    select
        category,
        category_level,
        path_number
    from {{ ref('int_segmentry__category_paths_split') }}
    where category_path is not null
),

path_counts as (
    select
        all_counts.customer_id,
        category_levels.category_level,
        category_levels.path_number,
        sum(all_counts.view_count) as view_count,
        sum(all_counts.cart_count) as cart_count,
        sum(all_counts.purchase_count) as purchase_count
    from all_counts
    inner join category_levels
        on all_counts.category = category_levels.category
    group by all_counts.customer_id, category_levels.category_level, category_levels.path_number
)

select
    customer_id,
    category_level,
    path_number,
    cast(view_count as {{ dbt.type_bigint() }}) as view_count,
    cast(cart_count as {{ dbt.type_bigint() }}) as cart_count,
    cast(purchase_count as {{ dbt.type_bigint() }}) as purchase_count,
    cast(view_count + 2 * cart_count + 5 * purchase_count as {{ dbt.type_bigint() }}) as weight
from path_counts
where view_count + cart_count + purchase_count > 0
