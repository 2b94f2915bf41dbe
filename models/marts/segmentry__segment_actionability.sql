{{ config(alias='segment_actionability') }}

select
    cast(segments.segment_id as {{ dbt.type_string() }}) as segment_id,
    cast(segments.segment_name as {{ dbt.type_string() }}) as segment_name,
    cast(recommendations.dimension as {{ dbt.type_string() }}) as dimension,
    cast(recommendations.candidate as {{ dbt.type_string() }}) as candidate,
    cast(recommendations.candidate_share as {{ segmentry.type_double() }}) as candidate_share,
    cast(recommendations.lift as {{ segmentry.type_double() }}) as lift,
    cast(recommendations.support_count as {{ dbt.type_bigint() }}) as support_count,
    cast(recommendations.strength as {{ segmentry.type_double() }}) as strength,
    cast(recommendations.is_actionable as boolean) as is_actionable,
    cast(recommendations.recommendation as {{ dbt.type_string() }}) as recommendation,
    cast(recommendations.source as {{ dbt.type_string() }}) as source,
    cast(recommendations.status as {{ dbt.type_string() }}) as status,
    cast(recommendations.request_key as {{ dbt.type_string() }}) as request_key,
    cast(run.run_id as {{ dbt.type_string() }}) as run_id
from {{ ref('int_segmentry__recommendations_rendered') }} as recommendations
cross join {{ ref('int_segmentry__run') }} as run
inner join {{ ref('int_segmentry__segments_summarised') }} as segments
    on recommendations.segment_id = segments.segment_id
