{{ config(alias='customer_category_affinity') }}

select
    cast(affinity.customer_id as {{ dbt.type_string() }}) as customer_id,
    cast(affinity.category_level as {{ dbt.type_int() }}) as category_level,
    cast(affinity.category as {{ dbt.type_string() }}) as category,
    cast(affinity.view_count as {{ dbt.type_bigint() }}) as view_count,
    cast(affinity.cart_count as {{ dbt.type_bigint() }}) as cart_count,
    cast(affinity.purchase_count as {{ dbt.type_bigint() }}) as purchase_count,
    cast(affinity.affinity_score as {{ segmentry.type_double() }}) as affinity_score,
    cast(run.run_id as {{ dbt.type_string() }}) as run_id
from {{ ref('int_segmentry__affinity_counted') }} as affinity
cross join {{ ref('int_segmentry__run') }} as run
