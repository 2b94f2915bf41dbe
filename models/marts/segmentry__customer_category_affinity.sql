{{ config(alias='customer_category_affinity') }}

with paths as (
    select distinct
        path_number,
        category_path
    from {{ ref('int_segmentry__category_paths_split') }}
)

select
    cast(affinity.customer_id as {{ dbt.type_string() }}) as customer_id,
    cast(affinity.category_level as {{ dbt.type_int() }}) as category_level,
    cast(paths.category_path as {{ dbt.type_string() }}) as category,
    cast(affinity.view_count as {{ dbt.type_bigint() }}) as view_count,
    cast(affinity.cart_count as {{ dbt.type_bigint() }}) as cart_count,
    cast(affinity.purchase_count as {{ dbt.type_bigint() }}) as purchase_count,
    round(
        cast(affinity.weight as {{ segmentry.type_double() }})
        / case affinity.category_level
            when 1 then totals.total_weight_1
            when 2 then totals.total_weight_2
            else totals.total_weight_3
        end, 9
    ) as affinity_score,
    cast(run.run_id as {{ dbt.type_string() }}) as run_id
from {{ ref('int_segmentry__affinity_counted') }} as affinity
inner join paths
    on affinity.path_number = paths.path_number
inner join {{ ref('int_segmentry__affinity_aggregated') }} as totals
    on affinity.customer_id = totals.customer_id
cross join {{ ref('int_segmentry__run') }} as run
