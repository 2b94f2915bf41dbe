{{ config(alias='customer_merge_map') }}

select
    cast(merge_map.id as {{ dbt.type_string() }}) as id,
    cast(merge_map.customer_id as {{ dbt.type_string() }}) as customer_id,
    cast(merge_map.depth as {{ dbt.type_bigint() }}) as depth,
    cast(merge_map.status as {{ dbt.type_string() }}) as status,
    cast(merge_map.merged_at as {{ dbt.type_timestamp() }}) as merged_at
from {{ ref('int_segmentry__merge_map_resolved') }} as merge_map
