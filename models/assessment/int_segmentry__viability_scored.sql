-- What acting on a segment would bring, and the decision. Every score and its formula: docs/methods/assessment.md.
{% set complaints = ['refund_rate', 'bounce_rate', 'cart_abandonment_rate'] %}
with segments as (
    select
        segment_id,
        segment_name,
        customer_count,
        sum(customer_count) over () as population_count,
        total_clv,
        clv_share,
        max(clv_share) over () as largest_clv_share,
        value_at_stake_amount
    from {{ ref('int_segmentry__segments_summarised') }}
),

-- What a campaign tool can select by: traits and the preferred category, time and channel. The value tier is ours alone.
terms as (
    select
        segment_id,
        trait_share as term_share,
        population_share
    from {{ ref('int_segmentry__segment_traits_compared') }}
    where support_count >= {{ var('segmentry_minimum_support') }}
    union all
    select
        segment_id,
        candidate_share as term_share,
        population_share
    from {{ ref('int_segmentry__actions_scored') }}
    where dimension <> 'who' and candidate is not null
),

best_terms as (
    select
        segment_id,
        max(term_share - population_share) as excess_share
    from terms
    group by segment_id
),

action_strengths as (
    select
        segment_id,
        max(case when dimension = 'what' then strength end) as what_strength,
        max(case when dimension = 'when' then strength end) as when_strength,
        max(case when is_actionable then 1 else 0 end) as actionable
    from {{ ref('int_segmentry__actions_scored') }}
    where candidate_rank = 1
    group by segment_id
),

-- Rates as decimals: their sums are exact, so their means do not depend on the order of the rows.
complaint_rates as (
    select
        {%- for complaint in complaints %}
        cast(case when profiles.{{ complaint }} > 1 then 1 else profiles.{{ complaint }} end as {{ dbt.type_numeric() }}) as {{ complaint }},
        {%- endfor %}
        identified.segment_id
    from {{ ref('int_segmentry__members_identified') }} as identified
    inner join {{ ref('int_segmentry__profiles_joined') }} as profiles
        on identified.customer_id = profiles.customer_id
),

complaint_means as (
    {%- for complaint in complaints %}
    select
        segment_id,
        cast(sum({{ complaint }}) as {{ segmentry.type_double() }}) / count({{ complaint }}) as segment_mean,
        cast(sum(sum({{ complaint }})) over () as {{ segmentry.type_double() }}) / sum(count({{ complaint }})) over () as population_mean
    from complaint_rates
    where {{ complaint }} is not null
    group by segment_id
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

complaint_scores as (
    select
        segment_id,
        avg(coalesce(greatest(segment_mean - population_mean, 0) / nullif(1 - population_mean, 0), 0)) as excess
    from complaint_means
    group by segment_id
),

open_findings as (
    select
        segment_id,
        rule,
        severity,
        '; ' || replace(reason, ';', ',') as reason
    from {{ ref('int_segmentry__rules_checked') }}
    where not is_passed and not is_waived and severity <> 'warning'
),

verdicts as (
    select
        segment_id,
        sum(case when severity = 'error' then 1 else 0 end) as error_count,
        sum(case when severity = 'production' then 1 else 0 end) as production_count,
        max(case when rule = 'minimum_actionable_dimensions' then 1 else 0 end) as is_action_finding,
        {%- for rule in segmentry.validation_rules() %}
        coalesce(max(case when rule = '{{ rule.rule }}' then reason end), '') {{ '||' if not loop.last else 'as reasons' }}
        {%- endfor %}
    from open_findings
    group by segment_id
),

assessed as (
    select
        segments.segment_id,
        segments.segment_name,
        returns.channel,
        returns.reachable_count,
        returns.cost_amount,
        returns.cost_to_clv,
        segments.value_at_stake_amount,
        returns.roi_low,
        returns.roi_base,
        returns.roi_high,
        returns.break_even_uplift,
        returns.margin_amount as revenue_impact_amount,
        best_terms.excess_share * segments.population_count / nullif(segments.population_count - segments.customer_count, 0) as targetability,
        segments.clv_share / nullif(segments.largest_clv_share, 0) as sales_priority,
        action_strengths.what_strength as personalisation,
        action_strengths.when_strength as timing,
        case
            when segments.total_clv > 0
                then cast(segments.value_at_stake_amount as {{ segmentry.type_double() }}) / cast(segments.total_clv as {{ segmentry.type_double() }})
        end as retention_impact,
        complaint_scores.excess as satisfaction_impact,
        coalesce(returns.is_shipped_assumption, false) as is_shipped_assumption,
        coalesce(verdicts.error_count, 0) = 0 as is_valid,
        coalesce(action_strengths.actionable, 0) = 1 as is_actionable,
        coalesce(verdicts.production_count, 0) = 0 as has_evidence,
        coalesce(verdicts.is_action_finding, 0) = 1 as is_action_finding,
        coalesce(verdicts.reasons, '') as finding_reasons
    from segments
    inner join {{ ref('int_segmentry__returns_estimated') }} as returns
        on segments.segment_id = returns.segment_id
    left outer join best_terms
        on segments.segment_id = best_terms.segment_id
    left outer join action_strengths
        on segments.segment_id = action_strengths.segment_id
    left outer join complaint_scores
        on segments.segment_id = complaint_scores.segment_id
    left outer join verdicts
        on segments.segment_id = verdicts.segment_id
),

decided as (
    select
        assessed.*,
        case
            when not assessed.is_valid or not assessed.is_actionable then 'reject'
            when assessed.roi_high < 0 and not assessed.is_shipped_assumption then 'reject'
            when assessed.has_evidence and assessed.roi_low >= 0 then 'pursue'
            else 'test'
        end as decision,
        -- A waiver can silence the rule about actions; it can't make up something to act on.
        case when not assessed.is_actionable and not assessed.is_action_finding then '; Nothing stands out to act on' else '' end as action_reason,
        case
            when assessed.roi_high < 0 then '; Even the high guess of the uplift returns less than it costs'
            when assessed.roi_low is null then '; The return could not be estimated'
            when assessed.roi_low < 0 then '; The low guess of the uplift returns less than it costs'
            else ''
        end as return_reason
    from assessed
)

select
    segment_id,
    segment_name,
    channel,
    is_shipped_assumption,
    reachable_count,
    cost_amount,
    cost_to_clv,
    value_at_stake_amount,
    roi_low,
    roi_base,
    roi_high,
    break_even_uplift,
    {%- for score in ['targetability', 'sales_priority', 'personalisation', 'timing'] %}
    round(least(greatest(coalesce({{ score }}, 0), 0), 1), 6) as {{ score }}_score,
    {%- endfor %}
    revenue_impact_amount,
    {%- for score in ['retention_impact', 'satisfaction_impact'] %}
    round(least(greatest(coalesce({{ score }}, 0), 0), 1), 6) as {{ score }}_score,
    {%- endfor %}
    decision,
    -- Every reason starts with '; '.
    substr(finding_reasons || action_reason || return_reason, 3) as rejection_reasons,
    is_valid,
    is_actionable,
    is_valid and is_actionable and has_evidence as is_production_ready
from decided
