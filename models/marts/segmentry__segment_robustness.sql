{{ config(alias='segment_robustness') }}

select
    cast(matches.segment_id as {{ dbt.type_string() }}) as segment_id,
    cast(names.segment_name as {{ dbt.type_string() }}) as segment_name,
    cast(robustness.test as {{ dbt.type_string() }}) as test,
    cast(robustness.variant as {{ dbt.type_string() }}) as variant,
    cast(robustness.replicate_count as {{ dbt.type_bigint() }}) as replicate_count,
    cast(robustness.mean as {{ segmentry.type_double() }}) as mean_score,
    cast(robustness.sd as {{ segmentry.type_double() }}) as sd,
    cast(robustness.mc_se as {{ segmentry.type_double() }}) as mc_se,
    cast(robustness.q05 as {{ segmentry.type_double() }}) as q05,
    cast(robustness.q95 as {{ segmentry.type_double() }}) as q95,
    cast(robustness.dissolved_share as {{ segmentry.type_double() }}) as dissolved_share,
    cast(robustness.recovered_share as {{ segmentry.type_double() }}) as recovered_share,
    cast(coalesce(robustness.verdict, 'unknown') as {{ dbt.type_string() }}) as verdict,
    cast(robustness.is_borderline as boolean) as is_borderline,
    cast(robustness.is_deciding as boolean) as is_deciding,
    cast(robustness.reason as {{ dbt.type_string() }}) as reason,
    cast(model_run.run_id as {{ dbt.type_string() }}) as model_run_id,
    cast(run.run_id as {{ dbt.type_string() }}) as run_id
from {{ ref('int_segmentry__robustness_summarised') }} as robustness
inner join {{ ref('int_segmentry__segments_matched') }} as matches
    on robustness.cluster = matches.cluster
inner join {{ ref('int_segmentry__segments_named') }} as names
    on robustness.cluster = names.cluster
cross join {{ ref('int_segmentry__model_run') }} as model_run
cross join {{ ref('int_segmentry__run') }} as run
