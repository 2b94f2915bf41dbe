{{ config(alias='feature_drift') }}

select
    cast(drift.feature as {{ dbt.type_string() }}) as feature,
    cast(drift.stability_index as {{ segmentry.type_double() }}) as stability_index,
    cast(drift.stability_index > {{ var('segmentry_drift_maximum_index') }} as boolean) as is_drifted,
    cast(drift.previous_run_id as {{ dbt.type_string() }}) as previous_run_id,
    cast(run.run_id as {{ dbt.type_string() }}) as run_id
from {{ ref('int_segmentry__feature_drift_measured') }} as drift
cross join {{ ref('int_segmentry__run') }} as run
