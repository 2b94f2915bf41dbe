-- The robustness tests of every refit, for runs that go by it.
{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='run_id', full_refresh=false, on_schema_change='append_new_columns') }}

select
    cast(run.run_id as {{ dbt.type_string() }}) as run_id,
    cast(run.as_of as {{ dbt.type_timestamp() }}) as as_of,
    cast(run.recorded_at as {{ dbt.type_timestamp() }}) as recorded_at,
    cast(replicates.test as {{ dbt.type_string() }}) as test,
    cast(replicates.variant as {{ dbt.type_string() }}) as variant,
    cast(replicates.replicate as {{ dbt.type_bigint() }}) as replicate,
    cast(replicates.cluster as {{ dbt.type_bigint() }}) as cluster,
    cast(replicates.score as {{ segmentry.type_double() }}) as score,
    cast(replicates.ari as {{ segmentry.type_double() }}) as ari,
    cast(replicates.coverage as {{ segmentry.type_double() }}) as coverage,
    cast(replicates.reason as {{ dbt.type_string() }}) as reason
from {{ ref('int_segmentry__replicates_united') }} as replicates
cross join {{ ref('int_segmentry__run') }} as run
where {{ '1 = 1' if var('segmentry_mode') == 'refit' else '1 = 0' }}
