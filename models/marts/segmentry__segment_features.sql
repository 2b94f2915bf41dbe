{{ config(alias='segment_features') }}

select
    cast(features.segment_id as {{ dbt.type_string() }}) as segment_id,
    cast(features.segment_name as {{ dbt.type_string() }}) as segment_name,
    cast(features.feature as {{ dbt.type_string() }}) as feature,
    cast(features.block as {{ dbt.type_string() }}) as block,
    cast(features.unit as {{ dbt.type_string() }}) as unit,
    cast(features.mean as {{ segmentry.type_double() }}) as mean,
    cast(features.median as {{ segmentry.type_double() }}) as median,
    cast(features.population_mean as {{ segmentry.type_double() }}) as population_mean,
    cast(features.population_median as {{ segmentry.type_double() }}) as population_median,
    cast(features.z_score as {{ segmentry.type_double() }}) as z_score,
    cast(features.lift as {{ segmentry.type_double() }}) as lift,
    cast(features.label as {{ dbt.type_string() }}) as label,
    cast(features.is_distinctive as boolean) as is_distinctive,
    cast(run.run_id as {{ dbt.type_string() }}) as run_id
from {{ ref('int_segmentry__segment_features_compared') }} as features
cross join {{ ref('int_segmentry__run') }} as run
