{# In the select list: a row for each match of a regular expression in a text. The pattern may hold classes, groups that are not captured, `\b` for the
   end of a word and `\x{....}` for a character. #}
{% macro all_matches(text, pattern) -%}
    {{ return(adapter.dispatch('all_matches', 'segmentry')(text, pattern)) }}
{%- endmacro %}

{% macro default__all_matches(text, pattern) -%} {{ return(segmentry.no_variant('all_matches')) }} {%- endmacro %}

{# https://duckdb.org/docs/stable/sql/functions/regular_expressions #}
{% macro duckdb__all_matches(text, pattern) -%}
    unnest(regexp_extract_all({{ text }}, '{{ pattern }}'))
{%- endmacro %}

{# https://www.postgresql.org/docs/current/functions-matching.html#POSIX-ESCAPE-SEQUENCES #}
{% macro postgres__all_matches(text, pattern) -%}
    (regexp_matches({{ text }}, '{{ modules.re.sub('[\\\\]x[{](....)[}]', '\\\\u\\1', pattern).replace('\\b', '\\y') }}', 'g'))[1]
{%- endmacro %}

{# https://spark.apache.org/docs/latest/api/sql/#regexp_extract_all #}
{% macro spark__all_matches(text, pattern) -%}
    explode(regexp_extract_all({{ text }}, r'{{ pattern }}', 0))
{%- endmacro %}
