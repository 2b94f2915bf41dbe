{{ config(alias='id_merge_conflicts') }}

select
    cast(dropped.old_id as {{ dbt.type_string() }}) as old_id,
    cast(kept.new_id as {{ dbt.type_string() }}) as kept_id,
    cast(dropped.new_id as {{ dbt.type_string() }}) as dropped_id,
    cast(kept.merged_at as {{ dbt.type_timestamp() }}) as kept_at,
    cast(dropped.merged_at as {{ dbt.type_timestamp() }}) as dropped_at
from {{ ref('int_segmentry__merge_edges_ranked') }} as dropped
inner join {{ ref('int_segmentry__merge_edges_ranked') }} as kept
    on dropped.old_id = kept.old_id and kept.conflict_rank = 1
where dropped.conflict_rank > 1
