{{ config(alias='id_merge_cycles') }}

select
    cast(cycles.cycle_id as {{ dbt.type_string() }}) as cycle_id,
    cast(cycles.cycle_length as {{ dbt.type_bigint() }}) as cycle_length,
    cast(cycles.position as {{ dbt.type_bigint() }}) as position,
    cast(cycles.id as {{ dbt.type_string() }}) as id,
    cast(cycles.next_id as {{ dbt.type_string() }}) as next_id,
    cast(cycles.merged_at as {{ dbt.type_timestamp() }}) as merged_at
from {{ ref('int_segmentry__merge_cycles_found') }} as cycles
