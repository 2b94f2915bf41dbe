{{ config(alias='customer_merge_map') }}

select
    cast(merge_map.id as {{ dbt.type_string() }}) as id,
    cast(merge_map.customer_id as {{ dbt.type_string() }}) as customer_id,
    cast(merge_map.depth as {{ dbt.type_bigint() }}) as depth,
    cast(merge_map.status as {{ dbt.type_string() }}) as status,
    cast(edges.new_id as {{ dbt.type_string() }}) as next_id,
    cast(merge_map.merged_at as {{ dbt.type_timestamp() }}) as merged_at,
    cast(edges.source as {{ dbt.type_string() }}) as source
from {{ ref('int_segmentry__merge_map_resolved') }} as merge_map
left join {{ ref('int_segmentry__merge_edges_ranked') }} as edges
    on merge_map.id = edges.old_id and edges.conflict_rank = 1 and merge_map.merged_at is not null
