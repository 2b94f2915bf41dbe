-- Counted per category path first: the few distinct paths are then split into levels, not the many events.
{% set separator = var('segmentry_category_separator') %}
with category_events as (
    select
        customer_id,
        category,
        order_id,
        event_type
    from {{ ref('int_segmentry__events_resolved') }}
    where category is not null and event_type in ('category_view', 'item_view', 'add_to_cart', 'purchase', 'purchase_item')
),

-- An order is counted by its lines; one without lines once per category, however many payments it has.
itemised_orders as (
    select distinct
        customer_id,
        order_id
    from category_events
    where event_type = 'purchase_item' and order_id is not null
),

paid_orders as (
    select distinct
        category_events.customer_id,
        category_events.category,
        category_events.order_id
    from category_events
    left join itemised_orders
        on category_events.customer_id = itemised_orders.customer_id and category_events.order_id = itemised_orders.order_id
    where category_events.event_type = 'purchase' and category_events.order_id is not null and itemised_orders.order_id is null
),

counted_events as (
    select
        customer_id,
        category,
        event_type
    from category_events
    where event_type <> 'purchase' or order_id is null
    union all
    select
        customer_id,
        category,
        'purchase' as event_type
    from paid_orders
),

path_counts as (
    select
        customer_id,
        category,
        sum(case when event_type in ('category_view', 'item_view') then 1 else 0 end) as view_count,
        sum(case when event_type = 'add_to_cart' then 1 else 0 end) as cart_count,
        sum(case when event_type in ('purchase', 'purchase_item') then 1 else 0 end) as purchase_count
    from counted_events
    group by customer_id, category
),

paths as (
    select distinct category
    from path_counts
),

split_paths as (
    select
        category,
        nullif(trim({{ dbt.split_part('category', "'" ~ separator ~ "'", 1) }}), '') as level_1,
        nullif(trim({{ dbt.split_part('category', "'" ~ separator ~ "'", 2) }}), '') as level_2,
        nullif(trim({{ dbt.split_part('category', "'" ~ separator ~ "'", 3) }}), '') as level_3
    from paths
),

path_levels as (
    select
        category,
        1 as category_level,
        level_1 as category_path
    from split_paths
    where level_1 is not null
    union all
    select
        category,
        2 as category_level,
        concat(level_1, '{{ separator }}', level_2) as category_path
    from split_paths
    where level_1 is not null and level_2 is not null
    union all
    select
        category,
        3 as category_level,
        concat(level_1, '{{ separator }}', level_2, '{{ separator }}', level_3) as category_path
    from split_paths
    where level_1 is not null and level_2 is not null and level_3 is not null
),

level_counts as (
    select
        path_counts.customer_id,
        path_levels.category_level,
        path_levels.category_path as category,
        sum(path_counts.view_count) as view_count,
        sum(path_counts.cart_count) as cart_count,
        sum(path_counts.purchase_count) as purchase_count,
        sum(path_counts.view_count + 2 * path_counts.cart_count + 5 * path_counts.purchase_count) as weight
    from path_counts
    inner join path_levels
        on path_counts.category = path_levels.category
    group by path_counts.customer_id, path_levels.category_level, path_levels.category_path
)

select
    customer_id,
    category_level,
    category,
    cast(view_count as {{ dbt.type_bigint() }}) as view_count,
    cast(cart_count as {{ dbt.type_bigint() }}) as cart_count,
    cast(purchase_count as {{ dbt.type_bigint() }}) as purchase_count,
    cast(weight as {{ dbt.type_bigint() }}) as weight,
    round(cast(weight as {{ segmentry.type_double() }}) / sum(weight) over (partition by customer_id, category_level), 9) as affinity_score
from level_counts
