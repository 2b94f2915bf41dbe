-- From the shelf up: a level adds what falls on its paths themselves to what the level below it has.
-- noqa: disable=LT02
{% set measures = ['view_count', 'cart_count', 'purchase_count'] %}
with path_levels as (
    select
        category,
        category_level,
        path_number
    from {{ ref('int_segmentry__category_paths_split') }}
    where category_path is not null
),

paths as (
    select distinct
        path_levels.path_number,
        path_levels.category_level,
        upper_levels.path_number as upper_number
    from path_levels
    left join path_levels as upper_levels
        on path_levels.category = upper_levels.category and path_levels.category_level = upper_levels.category_level + 1
),

own_counts as (
    select
        counted.customer_id,
        counted.path_number,
        {% for measure in measures %}
        cast(counted.{{ measure }} as {{ dbt.type_bigint() }}) as {{ measure }},
        {% endfor %}
        paths.category_level,
        paths.upper_number
    from {{ ref('int_segmentry__categories_counted') }} as counted
    inner join paths
        on counted.path_number = paths.path_number
    where counted.view_count + counted.cart_count + counted.purchase_count > 0
),

level_2_counts as (
    select
        customer_id,
        path_number,
        {% for measure in measures %}
        cast(sum({{ measure }}) as {{ dbt.type_bigint() }}) as {{ measure }}{{ ',' if not loop.last }}
        {% endfor %}
    from (
        select
            customer_id,
            case when category_level = 3 then upper_number else path_number end as path_number,
            {{ measures | join(', ') }}
        from own_counts
        where category_level >= 2
    ) as counts
    group by customer_id, path_number
),

level_1_counts as (
    select
        customer_id,
        path_number,
        {% for measure in measures %}
        cast(sum({{ measure }}) as {{ dbt.type_bigint() }}) as {{ measure }}{{ ',' if not loop.last }}
        {% endfor %}
    from (
        select
            customer_id,
            path_number,
            {{ measures | join(', ') }}
        from own_counts
        where category_level = 1
        union all
        select
            level_2_counts.customer_id,
            paths.upper_number as path_number,
            {% for measure in measures %}
            level_2_counts.{{ measure }}{{ ',' if not loop.last }}
            {% endfor %}
        from level_2_counts
        inner join paths
            on level_2_counts.path_number = paths.path_number
    ) as counts
    group by customer_id, path_number
),

all_counts as (
    select
        customer_id,
        3 as category_level,
        path_number,
        {{ measures | join(', ') }}
    from own_counts
    where category_level = 3
    union all
    {% for level in [2, 1] %}
    select
        customer_id,
        {{ level }} as category_level,
        path_number,
        {{ measures | join(', ') }}
    from level_{{ level }}_counts
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    customer_id,
    category_level,
    path_number,
    {{ measures | join(',\n    ') }},
    view_count + 2 * cart_count + 5 * purchase_count as weight
from all_counts
