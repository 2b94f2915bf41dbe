{# Everything besides the facts that an explanation depends on: part of every request key, and the settings of the explanation step.
   The versions are those of segmentry.explain (PROMPT_VERSION, SCHEMA_VERSION); the step refuses to run when they differ. #}
{% macro explanation_request() -%}
    {%- set prompt_version = '4' -%}
    {{ return({
        'provider': var('segmentry_explanation_provider'),
        'model': 'template-' ~ prompt_version if var('segmentry_explanation_provider') == 'template' else var('segmentry_explanation_model'),
        'language': var('segmentry_language'),
        'maximum_tokens': var('segmentry_explanation_maximum_tokens'),
        'prompt_version': prompt_version,
        'schema_version': '1',
    }) }}
{%- endmacro %}

{# Where a model is asked, for whom, and what a build may take: no answer depends on it. #}
{% macro explanation_limits() -%}
    {{ return({
        'base_url': var('segmentry_explanation_base_url'),
        'minimum_customers': var('segmentry_explanation_minimum_customers'),
        'concurrency': var('segmentry_explanation_concurrency'),
        'request_seconds': var('segmentry_explanation_request_seconds'),
        'deadline_seconds': var('segmentry_explanation_deadline_seconds'),
        'maximum_cost': var('segmentry_explanation_maximum_cost'),
    }) }}
{%- endmacro %}
