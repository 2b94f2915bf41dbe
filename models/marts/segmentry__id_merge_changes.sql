{{ config(
    alias='id_merge_changes',
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='append_new_columns'
) }}

-- Read from its own rows alone: the last change of an id says what it was before this run, and an id without one was itself.
-- The same run again finds nothing that changed.
with earlier_changes as (
    {% if is_incremental() %}
    select
        id,
        new_customer_id as customer_id,
        change_number,
        row_number() over (partition by id order by change_number desc) as recency
    from {{ this }}
    {% else %}
    select
        id,
        customer_id,
        depth as change_number,
        1 as recency
    from {{ ref('int_segmentry__merge_map_resolved') }}
    where 1 = 0
    {% endif %}
),

last_changes as (
    select
        id,
        customer_id,
        change_number
    from earlier_changes
    where recency = 1
),

compared as (
    select
        coalesce(merge_map.id, last_changes.id) as id,
        coalesce(last_changes.customer_id, merge_map.id) as old_customer_id,
        coalesce(merge_map.customer_id, last_changes.id) as new_customer_id,
        coalesce(merge_map.status, 'unmerged') as status,
        coalesce(last_changes.change_number, 0) + 1 as change_number
    from {{ ref('int_segmentry__merge_map_resolved') }} as merge_map
    full outer join last_changes
        on merge_map.id = last_changes.id
)

select
    cast(compared.id as {{ dbt.type_string() }}) as id,
    cast(compared.change_number as {{ dbt.type_bigint() }}) as change_number,
    cast(compared.old_customer_id as {{ dbt.type_string() }}) as old_customer_id,
    cast(compared.new_customer_id as {{ dbt.type_string() }}) as new_customer_id,
    cast(compared.status as {{ dbt.type_string() }}) as status,
    cast(run.run_id as {{ dbt.type_string() }}) as run_id,
    cast(run.as_of as {{ dbt.type_timestamp() }}) as as_of,
    cast(run.recorded_at as {{ dbt.type_timestamp() }}) as recorded_at
from compared
cross join {{ ref('int_segmentry__run') }} as run
where compared.old_customer_id <> compared.new_customer_id
