{{ config(alias='feature_history', materialized='incremental', incremental_strategy='delete+insert', unique_key='run_id', full_refresh=false, on_schema_change='append_new_columns') }}

select
    cast(run.run_id as {{ dbt.type_string() }}) as run_id,
    cast(run.as_of as {{ dbt.type_timestamp() }}) as as_of,
    cast(run.recorded_at as {{ dbt.type_timestamp() }}) as recorded_at,
    cast(bins.feature as {{ dbt.type_string() }}) as feature,
    cast(bins.bin as {{ dbt.type_int() }}) as bin,
    cast(bins.lower_bound as {{ segmentry.type_double() }}) as lower_bound,
    cast(bins.upper_bound as {{ segmentry.type_double() }}) as upper_bound,
    cast(bins.customer_share as {{ segmentry.type_double() }}) as customer_share
from {{ ref('int_segmentry__feature_bins_counted') }} as bins
cross join {{ ref('int_segmentry__run') }} as run
