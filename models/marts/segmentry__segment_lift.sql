{{ config(alias='segment_lift') }}

select
    cast(lift.campaign_id as {{ dbt.type_string() }}) as campaign_id,
    cast(lift.segment_id as {{ dbt.type_string() }}) as segment_id,
    cast(lift.started_on as date) as started_on,
    cast(lift.observed_until as date) as observed_until,
    cast(lift.is_complete as boolean) as is_complete,
    cast(lift.assignment_run_id as {{ dbt.type_string() }}) as assignment_run_id,
    cast(lift.treated_count as {{ dbt.type_bigint() }}) as treated_count,
    cast(lift.control_count as {{ dbt.type_bigint() }}) as control_count,
    cast(lift.treated_order_share as {{ segmentry.type_double() }}) as treated_order_share,
    cast(lift.control_order_share as {{ segmentry.type_double() }}) as control_order_share,
    cast(lift.lift as {{ segmentry.type_double() }}) as lift,
    cast(lift.lift_low as {{ segmentry.type_double() }}) as lift_low,
    cast(lift.lift_high as {{ segmentry.type_double() }}) as lift_high,
    cast(lift.incremental_amount as {{ segmentry.type_money() }}) as incremental_amount,
    cast(lift.reason as {{ dbt.type_string() }}) as reason,
    cast(run.run_id as {{ dbt.type_string() }}) as run_id
from {{ ref('int_segmentry__lift_measured') }} as lift
cross join {{ ref('int_segmentry__run') }} as run
