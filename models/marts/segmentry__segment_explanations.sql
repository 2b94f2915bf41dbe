{{ config(alias='segment_explanations') }}

select
    cast(segments.segment_id as {{ dbt.type_string() }}) as segment_id,
    cast(segments.segment_name as {{ dbt.type_string() }}) as segment_name,
    cast(explanations.headline as {{ dbt.type_string() }}) as headline,
    cast(explanations.executive_summary as {{ dbt.type_string() }}) as executive_summary,
    cast(explanations.campaign_recommendation as {{ dbt.type_string() }}) as campaign_recommendation,
    cast(explanations.roi_expectation as {{ dbt.type_string() }}) as roi_expectation,
    cast(segments.confidence_level as {{ dbt.type_string() }}) as confidence_level,
    cast(explanations.confidence_justification as {{ dbt.type_string() }}) as confidence_justification,
    cast(returns.roi_low as {{ segmentry.type_double() }}) as roi_low,
    cast(returns.roi_base as {{ segmentry.type_double() }}) as roi_base,
    cast(returns.roi_high as {{ segmentry.type_double() }}) as roi_high,
    cast(explanations.source as {{ dbt.type_string() }}) as source,
    cast(explanations.status as {{ dbt.type_string() }}) as status,
    cast(explanations.error_kind as {{ dbt.type_string() }}) as error_kind,
    cast(explanations.error as {{ dbt.type_string() }}) as error,
    cast(explanations.request_key as {{ dbt.type_string() }}) as request_key,
    cast(explanations.model as {{ dbt.type_string() }}) as model,
    cast(explanations.prompt_version as {{ dbt.type_string() }}) as prompt_version,
    cast(explanations.generated_at as {{ dbt.type_timestamp() }}) as generated_at,
    cast(run.run_id as {{ dbt.type_string() }}) as run_id
from {{ ref('int_segmentry__explanations_rendered') }} as explanations
cross join {{ ref('int_segmentry__run') }} as run
inner join {{ ref('int_segmentry__segments_summarised') }} as segments
    on explanations.segment_id = segments.segment_id
inner join {{ ref('int_segmentry__returns_estimated') }} as returns
    on explanations.segment_id = returns.segment_id
