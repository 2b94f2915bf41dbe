-- The few paths are split once, not the many events that carry them. A level that is not there stays as a row with NULL: to filter on what was split
-- would have engines split before they reduce.
{% set separator = var('segmentry_category_separator') %}
with categories as (
    select category
    from {{ ref('int_segmentry__events_typed') }}
    where reject_reason is null and category is not null
    group by category
),

split_categories as (
    select
        category,
        nullif(trim({{ dbt.split_part('category', "'" ~ separator ~ "'", 1) }}), '') as level_1,
        nullif(trim({{ dbt.split_part('category', "'" ~ separator ~ "'", 2) }}), '') as level_2,
        nullif(trim({{ dbt.split_part('category', "'" ~ separator ~ "'", 3) }}), '') as level_3
    from categories
),

category_levels as (
    select
        category,
        1 as category_level,
        level_1 as category_path
    from split_categories
    union all
    select
        category,
        2 as category_level,
        level_1 || '{{ separator }}' || level_2 as category_path
    from split_categories
    union all
    select
        category,
        3 as category_level,
        level_1 || '{{ separator }}' || level_2 || '{{ separator }}' || level_3 as category_path
    from split_categories
)

select
    category,
    category_level,
    category_path,
    cast(dense_rank() over (order by category_level, category_path) as {{ dbt.type_bigint() }}) as path_number
from category_levels
