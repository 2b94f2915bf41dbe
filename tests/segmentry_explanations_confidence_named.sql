-- The text names the level of confidence that the column has.
select
    segment_id,
    confidence_level,
    confidence_justification
from {{ ref('segmentry__segment_explanations') }}
where status <> 'pending' and position(confidence_level in confidence_justification) = 0
