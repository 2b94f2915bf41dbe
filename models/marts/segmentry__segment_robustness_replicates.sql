{{ config(alias='segment_robustness_replicates') }}

select
    cast(matches.segment_id as {{ dbt.type_string() }}) as segment_id,
    cast(names.segment_name as {{ dbt.type_string() }}) as segment_name,
    cast(replicates.test as {{ dbt.type_string() }}) as test,
    cast(replicates.variant as {{ dbt.type_string() }}) as variant,
    cast(replicates.replicate as {{ dbt.type_bigint() }}) as replicate,
    cast(replicates.score as {{ segmentry.type_double() }}) as score,
    cast(replicates.ari as {{ segmentry.type_double() }}) as ari,
    cast(replicates.reason as {{ dbt.type_string() }}) as reason,
    cast(model_run.run_id as {{ dbt.type_string() }}) as model_run_id,
    cast(run.run_id as {{ dbt.type_string() }}) as run_id
from {{ ref('int_segmentry__replicates_united') }} as replicates
inner join {{ ref('int_segmentry__segments_matched') }} as matches
    on replicates.cluster = matches.cluster
inner join {{ ref('int_segmentry__segments_named') }} as names
    on replicates.cluster = names.cluster
cross join {{ ref('int_segmentry__model_run') }} as model_run
cross join {{ ref('int_segmentry__run') }} as run
