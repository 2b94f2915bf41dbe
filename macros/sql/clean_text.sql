{# A column as text without surrounding white space (all of Unicode's), NULL when nothing is left: the one cleaning of every text that comes in. #}
{% macro clean_text(column) -%}
    {{ return(adapter.dispatch('clean_text', 'segmentry')(column)) }}
{%- endmacro %}

{% macro default__clean_text(column) -%} {{ return(segmentry.no_variant('clean_text')) }} {%- endmacro %}

{# trim() keeps tab, newline and the spaces of Unicode, and RE2's \s lacks the vertical tab. Most texts begin and end with a visible character of
   ASCII and have nothing to lose; to see that first is cheaper.
   https://duckdb.org/docs/stable/sql/functions/regular_expressions #}
{% macro duckdb__clean_text(column) -%}
    {%- set text = "cast(" ~ column ~ " as varchar)" -%}
    case
        when unicode({{ text }}) between 33 and 126 and unicode({{ text }}[-1]) between 33 and 126 then {{ text }}
        else nullif(regexp_replace({{ text }}, '^[\s\x0B\p{Z}\x{85}]+|[\s\x0B\p{Z}\x{85}]+$', '', 'g'), '')
    end
{%- endmacro %}

{# btrim() takes the characters themselves: white space of regular expressions depends on the locale of the database.
   https://www.postgresql.org/docs/current/functions-string.html #}
{% macro postgres__clean_text(column) -%}
    nullif(btrim(
        cast({{ column }} as text),
        E' \t\n\u000B\f\r\u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u2028\u2029\u202F\u205F\u3000'
    ), '')
{%- endmacro %}

{# https://spark.apache.org/docs/latest/api/sql/#regexp_replace ; r'' is a literal whose backslashes are themselves. #}
{% macro spark__clean_text(column) -%}
    {%- set text = "cast(" ~ column ~ " as string)" -%}
    nullif(regexp_replace({{ text }}, r'^[\s\p{Z}\x{85}]+|[\s\p{Z}\x{85}]+\z', ''), '')
{%- endmacro %}

{# https://docs.snowflake.com/en/sql-reference/functions/trim #}
{% macro snowflake__clean_text(column) -%}
    nullif(trim(cast({{ column }} as varchar), '{{ segmentry.white_space() }}'), '')
{%- endmacro %}

{# As on DuckDB, whose regular expressions are the same library's. https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions#regexp_replace #}
{% macro bigquery__clean_text(column) -%}
    nullif(regexp_replace(cast({{ column }} as string), r'^[\s\x0B\p{Z}\x{85}]+|[\s\x0B\p{Z}\x{85}]+$', ''), '')
{%- endmacro %}

{# https://docs.aws.amazon.com/redshift/latest/dg/r_BTRIM.html #}
{% macro redshift__clean_text(column) -%}
    nullif(btrim(cast({{ column }} as {{ dbt.type_string() }}), '{{ segmentry.white_space() }}'), '')
{%- endmacro %}

{# https://trino.io/docs/current/functions/string.html#trim #}
{% macro trino__clean_text(column) -%}
    nullif(trim(both '{{ segmentry.white_space() }}' from cast({{ column }} as varchar)), '')
{%- endmacro %}
