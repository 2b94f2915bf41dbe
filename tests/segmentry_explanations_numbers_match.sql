-- Every number in a published text is a number of the tables, in the same unit: an amount with its currency, a share with its
-- percent sign, a duration with its days, a count or a score without. Reads the texts as they are shown and the tables that the
-- facts come from; it knows neither the facts nor the slots.
{#- Marks and units as the language of the texts writes them. -#}
{%- set group_mark, decimal_mark, times, days = {
    'de': ('.', ',', 'mal', 'Tag(?:en|e)?'),
}.get(var('segmentry_language'), (',', '.', 'times', 'days?')) -%}
{%- set pattern = (
    "-?(?:[$€£¥]|[A-Z]{3}\\x{00A0})?[0-9](?:[0-9" ~ group_mark ~ "]*[0-9])?(?:[" ~ decimal_mark ~ "][0-9]+)?(?:%| "
    ~ times ~ "\\b| " ~ days ~ "\\b)?"
) -%}
{%- set known = [
    ('int_segmentry__segments_summarised', {
        'plain': ['customer_count', 'order_count', 'overall_robustness', 'worst_block_jaccard'],
        'money': ['total_clv', 'average_clv', 'net_revenue', 'average_order_value', 'value_at_stake_amount'],
        'percent': ['customer_share', 'clv_share', 'average_churn_risk'],
    }),
    ('int_segmentry__returns_estimated', {
        'plain': ['reachable_count', 'contacts', 'conversions_base'],
        'money': ['contact_cost', 'fixed_cost', 'incentive', 'cost_amount', 'margin_amount', 'average_order_value'],
        'percent': ['gross_margin', 'uplift_low', 'uplift_base', 'uplift_high', 'roi_low', 'roi_base', 'roi_high', 'break_even_uplift'],
    }),
    ('int_segmentry__actions_scored', {
        'plain': ['support_count'],
        'times': ['lift'],
        'percent': ['candidate_share', 'population_share'],
    }),
    ('int_segmentry__segment_traits_compared', {
        'percent': ['trait_share', 'population_share'],
    }),
] %}
with segment_texts as (
    {%- for text in ['headline', 'executive_summary', 'campaign_recommendation', 'roi_expectation', 'confidence_justification'] %}
    select
        segment_id,
        '{{ text }}' as text_name,
        {{ text }} as published_text
    from {{ ref('int_segmentry__explanations_rendered') }}
    union all
    {%- endfor %}
    select
        segment_id,
        dimension as text_name,
        recommendation as published_text
    from {{ ref('int_segmentry__recommendations_rendered') }}
),

shown_numbers as (
    {{ segmentry.all_matches('segment_texts', ['segment_id', 'text_name', 'published_text'], 'published_text', pattern) }}
),

number_texts as (
    select
        segment_id,
        text_name,
        published_text,
        shown,
        replace({{ segmentry.remove_matches('shown', '[^0-9' ~ decimal_mark ~ '-]') }}, '{{ decimal_mark }}', '.') as number_text
    from shown_numbers
),

shown_values as (
    select
        segment_id,
        text_name,
        published_text,
        shown,
        case
            when substr(shown, length(shown), 1) = '%' then 'percent'
            when shown like '% {{ times }}' then 'times'
            when shown like '% %' then 'days'
            when substr(replace(shown, '-', ''), 1, 1) in ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9') then 'plain'
            else 'money'
        end as kind,
        cast(number_text as {{ segmentry.type_double() }}) as shown_value,
        case when number_text like '%.%' then length(number_text) - {{ dbt.position("'.'", 'number_text') }} else 0 end as decimals
    from number_texts
),

known_values as (
    {%- for model, kinds in known -%}
    {%- for kind, columns in kinds.items() -%}
    {%- for column in columns %}
    select
        segment_id,
        '{{ kind }}' as kind,
        cast({{ column }} as {{ segmentry.type_double() }}){{ ' * 100' if kind == 'percent' }} as known_value
    from {{ ref(model) }}
    union all
    {%- endfor -%}
    {%- endfor -%}
    {%- endfor %}
    {%- for column in ['mean', 'population_mean'] %}
    select
        segment_id,
        case unit when 'currency' then 'money' when 'share' then 'percent' when 'days' then 'days' else 'plain' end as kind,
        case unit when 'share' then 100 else 1 end * {{ column }} as known_value
    from {{ ref('int_segmentry__segment_features_compared') }}
    union all
    {%- endfor %}
    select
        segment_id,
        'money' as kind,
        round(sum(total_clv) over () / sum(customer_count) over (), 2) as known_value
    from {{ ref('int_segmentry__segments_summarised') }}
    {%- for kind, value in [
        ('days', var('segmentry_clv_horizon_days')), ('days', var('segmentry_churn_horizon_days')), ('plain', segmentry.confidence_cuts().medium), ('plain', segmentry.confidence_cuts().high),
    ] %}
    union all
    select
        segment_id,
        '{{ kind }}' as kind,
        {{ value }} as known_value
    from {{ ref('int_segmentry__segments_summarised') }}
    {%- endfor %}
),

feature_labels as (
    {%- for feature in var('segmentry_features') %}
    select '{{ dbt.escape_single_quotes(feature.label) }}' as label
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

-- Digits inside a name ("Thursday 19:00") are the name's; long names are cut in texts.
segment_names as (
    select
        segment_id,
        segment_name as name
    from {{ ref('int_segmentry__segments_summarised') }}
    union all
    select
        segment_id,
        candidate as name
    from {{ ref('int_segmentry__actions_scored') }}
    union all
    select
        segment_id,
        feature as name
    from {{ ref('int_segmentry__segment_features_compared') }}
    union all
    select
        segments.segment_id,
        features.label as name
    from {{ ref('int_segmentry__segments_summarised') }} as segments
    cross join feature_labels as features
),

name_numbers as (
    {{ segmentry.all_matches('segment_names', ['segment_id'], 'name', pattern) }}
    union all
    {{ segmentry.all_matches('segment_names', ['segment_id'], 'substr(name, 1, 59)', pattern) }}
)

select
    shown_values.segment_id,
    shown_values.text_name,
    shown_values.shown,
    shown_values.published_text
from shown_values
left outer join known_values
    on
        shown_values.segment_id = known_values.segment_id
        and shown_values.kind = known_values.kind
        -- Half a unit of the last digit shown, and what the six decimals of the facts leave open.
        and abs(shown_values.shown_value - known_values.known_value) <= 0.5 * power(10, -shown_values.decimals) + 0.0001
left outer join name_numbers
    on shown_values.segment_id = name_numbers.segment_id and shown_values.shown = name_numbers.shown
where known_values.segment_id is null and name_numbers.segment_id is null
