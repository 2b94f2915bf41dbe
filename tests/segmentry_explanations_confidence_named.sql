-- The text names the level of confidence that the column has, in the language of the text.
{%- set words = {
    'de': {'high': 'hoch', 'medium': 'mittel', 'low': 'gering', 'unknown': 'unbekannt'},
}.get(var('segmentry_language'), {'high': 'high', 'medium': 'medium', 'low': 'low', 'unknown': 'unknown'}) %}
select
    segment_id,
    confidence_level,
    confidence_justification
from {{ ref('segmentry__segment_explanations') }}
where
    status <> 'pending'
    and position(
        case confidence_level
            {%- for level, word in words.items() %}
            when '{{ level }}' then '{{ word }}'
            {%- endfor %}
        end in confidence_justification
    ) = 0
