{# An id as every model compares it: clean text (`clean_text`); case is kept unless segmentry_id_case is lower. Merges, events and whatever is
   joined to them use it. #}
{% macro normalize_id(column) -%}
    {%- set text = segmentry.clean_text(column) -%}
    {{ 'lower(' ~ text ~ ')' if var('segmentry_id_case') == 'lower' else text }}
{%- endmacro %}

{# Whether a normalised id is one of the texts that stand for "no id": they would glue strangers together. #}
{% macro is_placeholder_id(column) -%}
    {% if var('segmentry_id_placeholders') -%}
        lower({{ column }}) in ({% for text in var('segmentry_id_placeholders') %}'{{ text }}'{{ ', ' if not loop.last }}{% endfor %})
    {%- else -%}
        1 = 0
    {%- endif %}
{%- endmacro %}
