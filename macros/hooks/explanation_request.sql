{# Everything besides the facts that an explanation depends on: part of every request key, and the settings of the explanation step.
   The versions are those of segmentry.explain (PROMPT_VERSION, SCHEMA_VERSION); the step refuses to run when they differ. #}
{% macro explanation_request() -%}
    {{ return({
        'provider': var('segmentry_explanation_provider'),
        'model': var('segmentry_explanation_model') or 'template-1',
        'language': var('segmentry_language'),
        'prompt_version': '1',
        'schema_version': '1',
    }) }}
{%- endmacro %}
