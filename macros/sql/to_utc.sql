{# A column of any time-like type as a UTC timestamp without time zone; NULL where it can't be read.
   Times with an offset or the name of a zone keep their instant; naive times are taken to be in `segmentry_input_time_zone`. #}
{% macro to_utc(column) -%}
    {{ return(adapter.dispatch('to_utc', 'segmentry')(column)) }}
{%- endmacro %}

{% macro default__to_utc(column) -%} {{ return(segmentry.no_variant('to_utc')) }} {%- endmacro %}

{# DuckDB: a cast of text with an offset to TIMESTAMP drops the offset without a word, so text goes through TIMESTAMPTZ
   (the session runs in UTC). typeof() is constant per column and costs nothing.
   https://duckdb.org/docs/stable/sql/data_types/timestamp #}
{% macro duckdb__to_utc(column) -%}
    {%- set zone = var('segmentry_input_time_zone') -%}
    {%- set instant = "timezone('UTC', try_cast(" ~ column ~ " as timestamptz))" -%}
    {%- if zone == 'UTC' -%}
        case
            when typeof({{ column }}) in ('VARCHAR', 'TIMESTAMP WITH TIME ZONE') then {{ instant }}
            else try_cast({{ column }} as timestamp)
        end
    {%- else -%}
        case
            when typeof({{ column }}) = 'TIMESTAMP WITH TIME ZONE' then {{ instant }}
            when
                typeof({{ column }}) = 'VARCHAR'
                and not regexp_matches(
                    cast({{ column }} as varchar), '^\s*[0-9]+[-/][0-9]+[-/][0-9]+([T\s]+[0-9]+:[0-9:.]+)?\s*$'
                )
                then {{ instant }}
            else timezone('UTC', timezone('{{ zone }}', try_cast({{ column }} as timestamp)))
        end
    {%- endif -%}
{%- endmacro %}
