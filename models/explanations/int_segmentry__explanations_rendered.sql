-- Facts with the latest good answer, else the latest fallback, else nothing yet. Text and facts share the key, so they agree.
with entries_ranked as (
    select
        request_key,
        provider,
        model,
        prompt_version,
        status,
        error_kind,
        error,
        rendered,
        recorded_at,
        row_number() over (
            partition by request_key
            order by case when status = 'ok' then 0 else 1 end asc, recorded_at desc, entry_id asc
        ) as entry_rank
    from {{ ref('int_segmentry__llm_ledger') }}
)

select
    facts.segment_id,
    {{ segmentry.json_value('entries.rendered', 'headline') }} as headline,
    {{ segmentry.json_value('entries.rendered', 'executive_summary') }} as executive_summary,
    {{ segmentry.json_value('entries.rendered', 'campaign_recommendation') }} as campaign_recommendation,
    {{ segmentry.json_value('entries.rendered', 'roi_expectation') }} as roi_expectation,
    {{ segmentry.json_value('entries.rendered', 'confidence_justification') }} as confidence_justification,
    {%- for dimension in ['what', 'when', 'how', 'who'] %}
    {{ segmentry.json_value('entries.rendered', dimension) }} as {{ dimension }}_recommendation,
    cast({{ segmentry.json_value('entries.rendered', dimension ~ '_rank') }} as {{ dbt.type_int() }}) as {{ dimension }}_rank,
    {%- endfor %}
    case when entries.status = 'ok' and entries.provider <> 'template' then 'llm' else 'template' end as source,
    coalesce(entries.status, 'pending') as status,
    entries.error_kind,
    entries.error,
    facts.request_key,
    case when entries.status = 'ok' and entries.provider <> 'template' then entries.model end as model,
    entries.prompt_version,
    entries.recorded_at as generated_at
from {{ ref('int_segmentry__segment_facts') }} as facts
left outer join entries_ranked as entries
    on facts.request_key = entries.request_key and entries.entry_rank = 1
