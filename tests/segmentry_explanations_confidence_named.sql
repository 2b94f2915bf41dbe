-- The text names the level of confidence that the column has, in the language of the text.
{%- set words = {
    'de': {'high': 'hoch', 'medium': 'mittel', 'low': 'gering', 'unknown': 'unbekannt'},
}.get(var('segmentry_language'), {'high': 'high', 'medium': 'medium', 'low': 'low', 'unknown': 'unknown'}) %}
{%- set choices = [] -%}
{%- for level, word in words.items() -%} {%- do choices.append("when '" ~ level ~ "' then '" ~ word ~ "'") -%} {%- endfor -%}
{%- set word_of_level = 'case confidence_level ' ~ choices | join(' ') ~ ' end' %}
select
    segment_id,
    confidence_level,
    confidence_justification
from {{ ref('segmentry__segment_explanations') }}
where
    status <> 'pending'
    and {{ dbt.position(word_of_level, 'confidence_justification') }} = 0
