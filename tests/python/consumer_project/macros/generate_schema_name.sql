{# The tables of Segmentry go to the schemas segmentry and segmentry_internal, where its commands look for them; ours to the target's. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if node.package_name == 'segmentry' -%}
        {{ 'segmentry_' ~ custom_schema_name if custom_schema_name else 'segmentry' }}
    {%- else -%}
        {{ target.schema }}
    {%- endif -%}
{%- endmacro %}
