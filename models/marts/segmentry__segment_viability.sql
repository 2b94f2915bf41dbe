{{ config(alias='segment_viability') }}

select
    cast(viability.segment_id as {{ dbt.type_string() }}) as segment_id,
    cast(segments.segment_name as {{ dbt.type_string() }}) as segment_name,
    cast(viability.channel as {{ dbt.type_string() }}) as channel,
    viability.is_shipped_assumption,
    cast(viability.reachable_count as {{ dbt.type_bigint() }}) as reachable_count,
    cast(viability.cost_amount as {{ segmentry.type_money() }}) as cost_amount,
    cast(viability.cost_to_clv as {{ segmentry.type_double() }}) as cost_to_clv,
    cast(viability.value_at_stake_amount as {{ segmentry.type_money() }}) as value_at_stake_amount,
    cast(viability.roi_low as {{ segmentry.type_double() }}) as roi_low,
    cast(viability.roi_base as {{ segmentry.type_double() }}) as roi_base,
    cast(viability.roi_high as {{ segmentry.type_double() }}) as roi_high,
    cast(viability.break_even_uplift as {{ segmentry.type_double() }}) as break_even_uplift,
    cast(viability.targetability_score as {{ segmentry.type_double() }}) as targetability_score,
    cast(viability.sales_priority_score as {{ segmentry.type_double() }}) as sales_priority_score,
    cast(viability.personalisation_score as {{ segmentry.type_double() }}) as personalisation_score,
    cast(viability.timing_score as {{ segmentry.type_double() }}) as timing_score,
    cast(viability.revenue_impact_amount as {{ segmentry.type_money() }}) as revenue_impact_amount,
    cast(viability.retention_impact_score as {{ segmentry.type_double() }}) as retention_impact_score,
    cast(viability.satisfaction_impact_score as {{ segmentry.type_double() }}) as satisfaction_impact_score,
    cast(viability.decision as {{ dbt.type_string() }}) as decision,
    cast(viability.rejection_reasons as {{ dbt.type_string() }}) as rejection_reasons,
    cast(run.run_id as {{ dbt.type_string() }}) as run_id
from {{ ref('int_segmentry__viability_scored') }} as viability
inner join {{ ref('int_segmentry__segments_summarised') }} as segments
    on viability.segment_id = segments.segment_id
cross join {{ ref('int_segmentry__run') }} as run
