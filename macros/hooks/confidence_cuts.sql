{# Scores from which confidence is medium and high, as texts name them; equal to segmentry.robustness.CONFIDENCE (a test). #}
{% macro confidence_cuts() -%} {{ return({'medium': 0.6, 'high': 0.75}) }} {%- endmacro %}
