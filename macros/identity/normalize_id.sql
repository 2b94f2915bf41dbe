{# An id as every model compares it: text without surrounding white space (all of Unicode's), NULL when nothing is left.
   Case is kept unless segmentry_id_case is lower. The one cleaning of ids: merges, events and whatever is joined to them use it. #}
{% macro normalize_id(column) -%}
    {{ return(adapter.dispatch('normalize_id', 'segmentry')(column)) }}
{%- endmacro %}

{# trim() keeps tab, newline and the spaces of Unicode; a trim with a set of characters is fifteen times slower than RE2, whose \s lacks
   the vertical tab. #}
{% macro default__normalize_id(column) -%}
    {%- set text = "nullif(regexp_replace(cast(" ~ column ~ " as varchar), '^[\\s\\x0B\\p{Z}\\x{85}]+|[\\s\\x0B\\p{Z}\\x{85}]+$', '', 'g'), '')" -%}
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
