{{ config(alias='segments') }}

-- noqa: disable=LT02
with actions as (
    select
        segment_id,
        {% for dimension in ['what', 'when', 'how', 'who'] %}
        max(case when dimension = '{{ dimension }}' then candidate end) as action_{{ dimension }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_segmentry__actions_scored') }}
    where candidate_rank = 1 and is_actionable
    group by segment_id
),

traits as (
    select
        segment_id,
        {{ segmentry.join_texts('trait', ', ', 'lift desc, trait') }} as defining_traits
    from {{ ref('int_segmentry__segment_traits_compared') }}
    where is_defining
    group by segment_id
)

select
    cast(segments.segment_id as {{ dbt.type_string() }}) as segment_id,
    cast(segments.segment_name as {{ dbt.type_string() }}) as segment_name,
    cast(segments.customer_count as {{ dbt.type_bigint() }}) as customer_count,
    cast(segments.customer_share as {{ segmentry.type_double() }}) as customer_share,
    cast(segments.total_clv as {{ segmentry.type_money() }}) as total_clv,
    cast(segments.total_clv_low as {{ segmentry.type_money() }}) as total_clv_low,
    cast(segments.total_clv_high as {{ segmentry.type_money() }}) as total_clv_high,
    cast(segments.average_clv as {{ segmentry.type_money() }}) as average_clv,
    cast(segments.clv_share as {{ segmentry.type_double() }}) as clv_share,
    cast(segments.net_revenue as {{ segmentry.type_money() }}) as net_revenue,
    cast(segments.overall_robustness as {{ segmentry.type_double() }}) as overall_robustness,
    cast(segments.weakest_test as {{ dbt.type_string() }}) as weakest_test,
    cast(segments.verdict as {{ dbt.type_string() }}) as verdict,
    cast(segments.confidence_level as {{ dbt.type_string() }}) as confidence_level,
    cast(coalesce(traits.defining_traits, '') as {{ dbt.type_string() }}) as defining_traits,
    cast(segments.segmentation_kind as {{ dbt.type_string() }}) as segmentation_kind,
    cast(viability.is_valid as boolean) as is_valid,
    cast(viability.is_actionable as boolean) as is_actionable,
    cast(viability.is_production_ready as boolean) as is_production_ready,
    cast(actions.action_what as {{ dbt.type_string() }}) as action_what,
    cast(actions.action_when as {{ dbt.type_string() }}) as action_when,
    cast(actions.action_how as {{ dbt.type_string() }}) as action_how,
    cast(actions.action_who as {{ dbt.type_string() }}) as action_who,
    cast(run.run_id as {{ dbt.type_string() }}) as run_id
from {{ ref('int_segmentry__segments_summarised') }} as segments
cross join {{ ref('int_segmentry__run') }} as run
inner join {{ ref('int_segmentry__viability_scored') }} as viability
    on segments.segment_id = viability.segment_id
left join actions
    on segments.segment_id = actions.segment_id
left join traits
    on segments.segment_id = traits.segment_id
