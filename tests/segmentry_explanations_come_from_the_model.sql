-- Segments whose text should have come from a language model and is the template's instead. The alarm is warn or error, as
-- segmentry_explanation_severity says; small segments are never sent to a model, on purpose.
{{ config(severity=var('segmentry_explanation_severity')) }}
select
    segment_id,
    status,
    error_kind,
    error
from {{ ref('segmentry__segment_explanations') }}
where status = 'fallback' and error_kind <> 'skipped'
