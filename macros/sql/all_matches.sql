{# A query: some columns of a relation and, as `shown`, each match of a regular expression in a text, one per row. The pattern may hold classes, groups that
   are not captured, `\b` for the end of a word and `\x{....}` for a character. #}
{% macro all_matches(relation, columns, text, pattern) -%}
    {{ return(adapter.dispatch('all_matches', 'segmentry')(relation, columns | join(', '), text, pattern)) }}
{%- endmacro %}

{% macro default__all_matches(relation, columns, text, pattern) -%} {{ return(segmentry.no_variant('all_matches')) }} {%- endmacro %}

{# https://duckdb.org/docs/stable/sql/functions/regular_expressions #}
{% macro duckdb__all_matches(relation, columns, text, pattern) -%}
    select {{ columns }}, unnest(regexp_extract_all({{ text }}, '{{ pattern }}')) as shown
    from {{ relation }}
{%- endmacro %}

{# https://www.postgresql.org/docs/current/functions-matching.html#POSIX-ESCAPE-SEQUENCES #}
{% macro postgres__all_matches(relation, columns, text, pattern) -%}
    select
        {{ columns }},
        (regexp_matches({{ text }}, '{{ modules.re.sub('[\\\\]x[{](....)[}]', '\\\\u\\1', pattern).replace('\\b', '\\y') }}', 'g'))[1] as shown
    from {{ relation }}
{%- endmacro %}

{# https://spark.apache.org/docs/latest/api/sql/#regexp_extract_all #}
{% macro spark__all_matches(relation, columns, text, pattern) -%}
    select {{ columns }}, explode(regexp_extract_all({{ text }}, r'{{ pattern }}', 0)) as shown
    from {{ relation }}
{%- endmacro %}

{# Characters are written as themselves, and every group is one. https://docs.snowflake.com/en/sql-reference/functions/regexp_substr_all #}
{% macro snowflake__all_matches(relation, columns, text, pattern) -%}
    {%- set plain = namespace(pattern=pattern.replace('(?:', '(')) -%}
    {%- for code in modules.re.findall('[\\\\]x[{](....)[}]', pattern) -%}
        {%- set plain.pattern = plain.pattern.replace('\\x{' ~ code ~ '}', fromjson('"\\u' ~ code ~ '"')) -%}
    {%- endfor -%}
    select {{ columns }}, cast(matches.value as varchar) as shown
    from {{ relation }}, lateral flatten(input => regexp_substr_all({{ text }}, $${{ plain.pattern }}$$)) as matches
{%- endmacro %}

{# https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions#regexp_extract_all #}
{% macro bigquery__all_matches(relation, columns, text, pattern) -%}
    select {{ columns }}, shown
    from {{ relation }}
    cross join unnest(regexp_extract_all({{ text }}, r'{{ pattern }}')) as shown
{%- endmacro %}

{# One match at a time: the first 200. https://docs.aws.amazon.com/redshift/latest/dg/REGEXP_SUBSTR.html #}
{% macro redshift__all_matches(relation, columns, text, pattern) -%}
    select {{ columns }}, regexp_substr({{ text }}, '{{ pattern.replace('\\', '\\\\') }}', 1, cast(places.generated_number as integer), 'p') as shown
    from {{ relation }}
    inner join ({{ dbt.generate_series(200) }}) as places
        on places.generated_number <= regexp_count({{ text }}, '{{ pattern.replace('\\', '\\\\') }}', 1, 'p')
{%- endmacro %}

{# https://trino.io/docs/current/functions/regexp.html #}
{% macro trino__all_matches(relation, columns, text, pattern) -%}
    select {{ columns }}, matches.shown
    from {{ relation }}
    cross join unnest(regexp_extract_all({{ text }}, '{{ pattern }}')) as matches (shown)
{%- endmacro %}
