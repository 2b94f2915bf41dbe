-- One block per entry of the macro `validation_rules`. A finding is a row; nothing here stops a build.
with action_counts as (
    select
        segment_id,
        sum(case when is_actionable then 1 else 0 end) as actionable_dimension_count
    from {{ ref('int_segmentry__actions_scored') }}
    where candidate_rank = 1
    group by segment_id
),

measures as (
    select
        summarised.segment_id,
        summarised.customer_count,
        summarised.customer_share,
        summarised.total_clv,
        summarised.average_clv,
        summarised.overall_robustness,
        case
            when summarised.missing_tests = '' then 0
            else length(summarised.missing_tests) - length(replace(summarised.missing_tests, ',', '')) + 1
        end as missing_test_count,
        case when summarised.missing_tests = '' then '' else 'not run: ' || summarised.missing_tests end as missing_tests_detail,
        returns.roi_base,
        returns.cost_to_clv,
        coalesce(action_counts.actionable_dimension_count, 0) as actionable_dimension_count,
        case summarised.segmentation_kind when 'natural' then 2 when 'reproducible' then 1 else 0 end as kind_rank,
        coalesce(summarised.segmentation_kind, 'not judged') as kind,
        coalesce(returns.is_shipped_assumption, false) as is_shipped_assumption,
        case when returns.is_shipped_assumption then 'by the shipped example assumptions' else '' end as example_detail
    from {{ ref('int_segmentry__segments_summarised') }} as summarised
    left outer join {{ ref('int_segmentry__returns_estimated') }} as returns
        on summarised.segment_id = returns.segment_id
    left outer join action_counts
        on summarised.segment_id = action_counts.segment_id
),

checked as (
    {%- for rule in segmentry.validation_rules() %}
    select
        segment_id,
        '{{ rule.rule }}' as rule,
        round(cast({{ rule.value }} as {{ segmentry.type_double() }}), 6) as value,
        cast({{ rule.threshold }} as {{ segmentry.type_double() }}) as threshold,
        coalesce(
            round(cast({{ rule.value }} as {{ segmentry.type_double() }}), 6) {{ '>=' if rule.is_minimum else '<=' }} {{ rule.threshold }}, false
        ) as is_passed,
        {% if 'example_severity' in rule -%}
        case when is_shipped_assumption then '{{ rule.example_severity }}' else '{{ rule.severity }}' end as severity,
        {%- else -%}
        '{{ rule.severity }}' as severity,
        {%- endif %}
        {#- Rounded, but never to the threshold where a value misses it by a hair: then to the number beside it. #}
        {%- set scale = 10 ** rule.decimals %}
        {%- set limit = (rule.threshold * scale) | round(6) %}
        {%- set beside = (limit | round(0, 'ceil') - 1 if rule.is_minimum else limit | round(0, 'floor') + 1) / scale %}
        {%- set shown = 'cast(' ~ rule.value ~ ' as decimal(18, ' ~ rule.decimals ~ '))' %}
        '{{ rule.label }} ' || {% if 'value_words' in rule %}{{ rule.value_words }}{% else %}coalesce(
            cast(
                case
                    when round(cast({{ rule.value }} as {{ segmentry.type_double() }}), 6) {{ '<' if rule.is_minimum else '>' }} {{ rule.threshold }}
                        then {{ 'least' if rule.is_minimum else 'greatest' }}({{ shown }}, cast({{ beside }} as decimal(18, {{ rule.decimals }})))
                    else {{ shown }}
                end as {{ dbt.type_string() }}
            ), 'could not be measured'
        ){% endif %}
        {%- if 'detail' in rule %} || case when {{ rule.detail }} = '' then '' else ' (' || {{ rule.detail }} || ')' end{% endif %}
        || ', {{ 'needs at least' if rule.is_minimum else 'may be at most' }} {{ rule.get('threshold_words') or ('%.' ~ rule.decimals ~ 'f') | format(rule.threshold) }}' as reason
    from measures
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

active_waivers as (
    select
        waivers.segment_id,
        waivers.rule,
        waivers.reason
    from {{ ref('stg_segmentry__validation_waivers') }} as waivers
    cross join {{ ref('int_segmentry__run') }} as run
    where waivers.expires_on is null or cast(run.as_of as date) <= waivers.expires_on
),

waived as (
    select
        checked.segment_id,
        checked.rule,
        min(active_waivers.reason) as waiver_reason
    from checked
    inner join active_waivers
        on checked.rule = active_waivers.rule and active_waivers.segment_id in ('*', checked.segment_id)
    where not checked.is_passed
    group by checked.segment_id, checked.rule
)

select
    checked.segment_id,
    checked.rule,
    checked.is_passed,
    checked.value,
    checked.threshold,
    checked.severity,
    waived.rule is not null as is_waived,
    case
        when waived.rule is null then checked.reason
        else checked.reason || '; waived: ' || coalesce(waived.waiver_reason, 'no reason given')
    end as reason
from checked
left outer join waived
    on checked.segment_id = waived.segment_id and checked.rule = waived.rule
