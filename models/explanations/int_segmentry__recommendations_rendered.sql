-- The candidate that the text is about, with its own figures: whether it is worth acting on was computed before any word was written.
with recommendations as (
    {%- for dimension in ['what', 'when', 'how', 'who'] %}
    select
        segment_id,
        '{{ dimension }}' as dimension,
        coalesce({{ dimension }}_rank, 1) as candidate_rank,
        coalesce({{ dimension }}_recommendation, 'Not written yet.') as recommendation,
        source,
        status,
        request_key
    from {{ ref('int_segmentry__explanations_rendered') }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    recommendations.segment_id,
    recommendations.dimension,
    actions.candidate,
    actions.candidate_share,
    actions.population_share,
    actions.lift,
    actions.support_count,
    actions.strength,
    actions.is_actionable,
    recommendations.recommendation,
    recommendations.source,
    recommendations.status,
    recommendations.request_key
from recommendations
inner join {{ ref('int_segmentry__actions_scored') }} as actions
    on
        recommendations.segment_id = actions.segment_id
        and recommendations.dimension = actions.dimension
        and recommendations.candidate_rank = actions.candidate_rank
