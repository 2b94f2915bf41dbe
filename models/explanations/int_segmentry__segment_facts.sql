-- Facts as canonical, rounded JSON: a hash of raw doubles would change with the order of a sum and pay for every text again.
-- Aggregates and names alone; segmentry.explain.facts refuses any field that is not on its list.
{% set request = segmentry.explanation_request() %}
with segments as (
    select
        segment_id,
        segment_name,
        customer_count,
        customer_share,
        total_clv,
        average_clv,
        sum(total_clv) over () as population_clv,
        sum(customer_count) over () as population_count,
        clv_share,
        net_revenue,
        order_count,
        average_order_value,
        average_churn_risk,
        value_at_stake_amount,
        overall_robustness,
        weakest_test,
        confidence_level,
        missing_tests,
        worst_block,
        worst_block_jaccard
    from {{ ref('int_segmentry__segments_summarised') }}
),

summaries as (
    select
        segment_id,
        {{ segmentry.json_object({
            'segment_id': segmentry.json_string('segment_id'),
            'segment_name': segmentry.json_string('segment_name'),
            'customer_count': segmentry.json_number('customer_count'),
            'customer_share': segmentry.json_number('customer_share', 6),
            'total_clv': segmentry.json_number('total_clv', 2),
            'average_clv': segmentry.json_number('average_clv', 2),
            'average_clv_all': segmentry.json_number('population_clv / population_count', 2),
            'clv_share': segmentry.json_number('clv_share', 6),
            'net_revenue': segmentry.json_number('net_revenue', 2),
            'order_count': segmentry.json_number('order_count'),
            'average_order_value': segmentry.json_number('average_order_value', 6),
            'average_churn_risk': segmentry.json_number('average_churn_risk', 6),
            'value_at_stake_amount': segmentry.json_number('value_at_stake_amount', 2),
        }) }} as summary,
        {{ segmentry.json_object({
            'confidence_level': segmentry.json_string('confidence_level'),
            'overall_robustness': segmentry.json_number('overall_robustness', 6),
            'weakest_test': segmentry.json_string('weakest_test'),
            'missing_tests': segmentry.json_string('missing_tests'),
            'worst_block': segmentry.json_string('worst_block'),
            'worst_block_jaccard': segmentry.json_number('worst_block_jaccard', 6),
            'medium_from': segmentry.json_number(segmentry.confidence_cuts().medium, 6),
            'high_from': segmentry.json_number(segmentry.confidence_cuts().high, 6),
        }) }} as confidence
    from segments
),

-- What differs: the label says so, and the mean in real units differs in the same direction by at least a fifth.
features_ranked as (
    select
        segment_id,
        feature,
        case feature
            {%- for feature in var('segmentry_features') %}
            when '{{ feature.name }}' then '{{ dbt.escape_single_quotes(feature.label) }}'
            {%- endfor %}
        end as label,
        block,
        unit,
        mean,
        population_mean,
        lift,
        row_number() over (partition by segment_id order by abs(z_score) desc, feature asc) as feature_rank
    from {{ ref('int_segmentry__segment_features_compared') }}
    where (z_score > 0 and is_distinctive and lift >= 1.2) or (z_score < 0 and is_distinctive and lift <= 0.8)
),

feature_lists as (
    select
        segment_id,
        {{ segmentry.json_array(segmentry.json_object({
            'feature': segmentry.json_string('feature'),
            'label': segmentry.json_string('label'),
            'block': segmentry.json_string('block'),
            'unit': segmentry.json_string('unit'),
            'mean': segmentry.json_number('mean', 6),
            'population_mean': segmentry.json_number('population_mean', 6),
            'lift': segmentry.json_number('lift', 6),
        }), 'feature_rank') }} as features
    from features_ranked
    where feature_rank <= 5
    group by segment_id
),

traits_ranked as (
    select
        segment_id,
        trait,
        dimension,
        trait_share,
        population_share,
        lift,
        row_number() over (partition by segment_id order by lift desc, trait asc) as trait_rank
    from {{ ref('int_segmentry__segment_traits_compared') }}
    where is_defining
),

trait_lists as (
    select
        segment_id,
        {{ segmentry.json_array(segmentry.json_object({
            'trait': segmentry.json_string('trait'),
            'dimension': segmentry.json_string('dimension'),
            'trait_share': segmentry.json_number('trait_share', 6),
            'population_share': segmentry.json_number('population_share', 6),
            'lift': segmentry.json_number('lift', 6),
        }), 'trait_rank') }} as traits
    from traits_ranked
    where trait_rank <= 3
    group by segment_id
),

action_lists as (
    select
        segment_id,
        {{ segmentry.json_array(segmentry.json_object({
            'dimension': segmentry.json_string('dimension'),
            'candidate_rank': segmentry.json_number('candidate_rank'),
            'candidate': segmentry.json_string('candidate'),
            'candidate_share': segmentry.json_number('candidate_share', 6),
            'population_share': segmentry.json_number('population_share', 6),
            'lift': segmentry.json_number('lift', 6),
            'support_count': segmentry.json_number('support_count'),
            'is_actionable': segmentry.json_boolean('is_actionable'),
        }), 'dimension, candidate_rank') }} as actions
    from {{ ref('int_segmentry__actions_scored') }}
    where candidate is not null
    group by segment_id
),

campaigns as (
    select
        segment_id,
        {{ segmentry.json_object({
            'channel': segmentry.json_string('channel'),
            'reachable_count': segmentry.json_number('reachable_count'),
            'contacts': segmentry.json_number('contacts', 2),
            'contact_cost': segmentry.json_number('contact_cost', 4),
            'fixed_cost': segmentry.json_number('fixed_cost', 2),
            'incentive': segmentry.json_number('incentive', 2),
            'gross_margin': segmentry.json_number('gross_margin', 6),
            'average_order_value': segmentry.json_number('average_order_value', 6),
            'uplift_low': segmentry.json_number('uplift_low', 6),
            'uplift_base': segmentry.json_number('uplift_base', 6),
            'uplift_high': segmentry.json_number('uplift_high', 6),
            'conversions_base': segmentry.json_number('conversions_base', 6),
            'cost_amount': segmentry.json_number('cost_amount', 2),
            'margin_amount': segmentry.json_number('margin_amount', 2),
            'roi_low': segmentry.json_number('roi_low', 6),
            'roi_base': segmentry.json_number('roi_base', 6),
            'roi_high': segmentry.json_number('roi_high', 6),
            'break_even_uplift': segmentry.json_number('break_even_uplift', 6),
            'is_shipped_assumption': segmentry.json_boolean('coalesce(is_shipped_assumption, false)'),
        }) }} as campaign
    from {{ ref('int_segmentry__returns_estimated') }}
),

failed_rule_lists as (
    select
        segment_id,
        {{ segmentry.json_array(segmentry.json_string('rule'), 'rule') }} as failed_rules
    from {{ ref('int_segmentry__rules_checked') }}
    where not is_passed and not is_waived and severity = 'error'
    group by segment_id
),

decisions as (
    select
        viability.segment_id,
        {{ segmentry.json_object({
            'decision': segmentry.json_string('viability.decision'),
            'failed_rules': "coalesce(failed_rule_lists.failed_rules, '[]')",
            'is_valid': segmentry.json_boolean('viability.is_valid'),
            'is_actionable': segmentry.json_boolean('viability.is_actionable'),
            'is_production_ready': segmentry.json_boolean('viability.is_production_ready'),
        }) }} as decision
    from {{ ref('int_segmentry__viability_scored') }} as viability
    left outer join failed_rule_lists
        on viability.segment_id = failed_rule_lists.segment_id
),

documents as (
    select
        summaries.segment_id,
        {{ segmentry.json_object({
            'schema_version': "'\"" ~ request.schema_version ~ "\"'",
            'currency': segmentry.json_string("'" ~ var('segmentry_reporting_currency') ~ "'"),
            'clv_horizon_days': segmentry.json_number(var('segmentry_clv_horizon_days')),
            'churn_horizon_days': segmentry.json_number(var('segmentry_churn_horizon_days')),
            'action_lift': segmentry.json_number(var('segmentry_action_lift'), 6),
            'segment': 'summaries.summary',
            'features': "coalesce(feature_lists.features, '[]')",
            'traits': "coalesce(trait_lists.traits, '[]')",
            'actions': "coalesce(action_lists.actions, '[]')",
            'returns': 'campaigns.campaign',
            'confidence': 'summaries.confidence',
            'decision': 'decisions.decision',
        }) }} as facts
    from summaries
    inner join campaigns
        on summaries.segment_id = campaigns.segment_id
    inner join decisions
        on summaries.segment_id = decisions.segment_id
    left outer join feature_lists
        on summaries.segment_id = feature_lists.segment_id
    left outer join trait_lists
        on summaries.segment_id = trait_lists.segment_id
    left outer join action_lists
        on summaries.segment_id = action_lists.segment_id
)

select
    segment_id,
    facts,
    {{ dbt.hash("facts || '|" ~ dbt.escape_single_quotes(tojson(request, sort_keys=true)) ~ "'") }} as request_key
from documents
