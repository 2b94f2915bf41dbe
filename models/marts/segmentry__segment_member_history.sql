{{ config(alias='segment_member_history', materialized='incremental', incremental_strategy='delete+insert', unique_key='run_id', full_refresh=false, on_schema_change='append_new_columns') }}

select
    cast(run.run_id as {{ dbt.type_string() }}) as run_id,
    cast(run.as_of as {{ dbt.type_timestamp() }}) as as_of,
    cast(run.recorded_at as {{ dbt.type_timestamp() }}) as recorded_at,
    cast(members.customer_id as {{ dbt.type_string() }}) as customer_id,
    cast(members.segment_id as {{ dbt.type_string() }}) as segment_id,
    cast(members.is_boundary as boolean) as is_boundary,
    cast(case when members.segment_id = earlier.segment_id then earlier.segment_since else cast(run.as_of as date) end as date) as segment_since
from {{ ref('int_segmentry__members_identified') }} as members
cross join {{ ref('int_segmentry__run') }} as run
left join {{ ref('int_segmentry__earlier_members') }} as earlier
    on members.customer_id = earlier.customer_id
