{{ config(alias='id_merge_cycles') }}

select
    cast(resolved.cycle_id as {{ dbt.type_string() }}) as cycle_id,
    cast(resolved.cycle_length as {{ dbt.type_bigint() }}) as cycle_length,
    cast(resolved.cycle_position as {{ dbt.type_bigint() }}) as position,
    cast(resolved.id as {{ dbt.type_string() }}) as id,
    cast(resolved.next_id as {{ dbt.type_string() }}) as next_id,
    cast(resolved.merged_at as {{ dbt.type_timestamp() }}) as merged_at
from {{ ref('int_segmentry__merges_resolved') }} as resolved
where resolved.cycle_position is not null
