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

{# Text is looked at before it is cast, since a failed cast is an error that prints the value: a day of the calendar, a time of day, and an offset, Z or the
   name of a zone of the server, but for those that it takes for winter time all year round. pg_typeof() is constant per column. https://www.postgresql.org/docs/current/datatype-datetime.html #}
{% macro postgres__to_utc(column) -%}
    {%- set zone = var('segmentry_input_time_zone') -%}
    {%- set naive = "cast({})" if zone == 'UTC' else "timezone('UTC', timezone('" ~ zone ~ "', cast({})))" -%}
    {%- set text = 'cast(' ~ column ~ ' as text)' -%}
    {#- DuckDB cuts off what is finer than a microsecond, PostgreSQL would round it. -#}
    {%- set short_text = "regexp_replace(" ~ text ~ ", '([.][0-9]{6})[0-9]+', '\\1')" -%}
    {%- set day -%}
        ([0-9]{4,5}[-/]((0?[13578]|1[02])[-/](0?[1-9]|[12][0-9]|3[01])|(0?[469]|11)[-/](0?[1-9]|[12][0-9]|30)|0?2[-/](0?[1-9]|1[0-9]|2[0-8]))
        {%- raw %}|[0-9]?([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)[-/]0?2[-/]29){% endraw %}
    {%- endset -%}
    {%- set time_of_day = '(T|[ \\t]+)([01]?[0-9]|2[0-3]):[0-5]?[0-9](:[0-5]?[0-9]([.][0-9]*)?)?' -%}
    {%- set offset = '(Z|[+-](0?[0-9]|1[0-5])(:?[0-5][0-9](:[0-5][0-9])?)?)' -%}
    case
        when pg_typeof({{ column }}) = cast('timestamp with time zone' as regtype) then timezone('UTC', cast({{ column }} as timestamp with time zone))
        when pg_typeof({{ column }}) in (cast('timestamp without time zone' as regtype), cast('date' as regtype))
            then {{ naive.format(column ~ ' as timestamp') }}
        -- There is no year 0 here.
        when {{ text }} ~ '^0000' then null
        when {{ text }} ~ '^{{ day }}({{ time_of_day }})?$' then {{ naive.format(short_text ~ ' as timestamp') }}
        when {{ text }} ~ '^{{ day }}{{ time_of_day }}{{ offset }}$' then timezone('UTC', cast({{ short_text }} as timestamp with time zone))
        when {{ text }} ~ '^{{ day }}{{ time_of_day }} [A-Za-z][A-Za-z0-9_+/-]*$'
            then case
                when
                    lower(substring({{ text }}, '[A-Za-z][A-Za-z0-9_+/-]*$'))
                    in (select lower(zones.name) from pg_timezone_names as zones where zones.name not in ('CET', 'EET', 'MET', 'WET'))
                    then timezone('UTC', cast({{ short_text }} as timestamp with time zone))
            end
    end
{%- endmacro %}

{# Spark also casts a lone year, month, hour or time of day to a timestamp, and knows no slashes and no offset after minutes: text is looked at and brought
   into one form before it is cast. The session runs in UTC. https://spark.apache.org/docs/latest/sql-ref-datatypes.html #}
{% macro spark__to_utc(column) -%}
    {%- set zone = var('segmentry_input_time_zone') -%}
    {%- set text = "cast(" ~ column ~ " as string)" -%}
    {%- set day = '[0-9]+[-/][0-9]+[-/][0-9]+' -%}
    {%- set offset = '([Zz]|[+-][0-9:]+|[ ][A-Za-z][A-Za-z0-9_+/-]*)' -%}
    {%- set one_form -%}
        regexp_replace(
            regexp_replace({{ text }}, r'^\s*([0-9]+)[-/]([0-9]+)[-/]([0-9]+)([T\s]+(?=[0-9]))?', '$1-$2-$3 '), '^([^ ]+ [0-9]+:[0-9]+)(?![0-9:])', '$1:00'
        )
    {%- endset -%}
    {%- set instant -%}
        case
            when typeof({{ column }}) <> 'string' then try_cast({{ column }} as timestamp)
            when {{ text }} rlike r'^\s*{{ day }}([T\s]+[0-9]+:[0-9]+(:[0-9]+([.][0-9]*)?)?{{ offset }}?)?\s*$' then try_cast({{ one_form }} as timestamp)
        end
    {%- endset -%}
    {%- if zone == 'UTC' -%}
        {{ instant }}
    {%- else -%}
        case
            when typeof({{ column }}) = 'timestamp' then {{ instant }}
            when typeof({{ column }}) = 'string' and {{ text }} rlike r'^\s*{{ day }}[T\s]+[0-9:.]+{{ offset }}\s*$' then {{ instant }}
            else to_utc_timestamp({{ instant }}, '{{ zone }}')
        end
    {%- endif -%}
{%- endmacro %}

{# A text without an offset or a zone, for engines that tell such by a regular expression. #}
{% macro naive_time() -%} {{ return('^[0-9]+[-/][0-9]+[-/][0-9]+([T ]+[0-9]+:[0-9:.]+)?$') }} {%- endmacro %}

{# By way of text, since try_cast() reads nothing else, and without slashes. https://docs.snowflake.com/en/sql-reference/functions/try_cast #}
{% macro snowflake__to_utc(column) -%}
    {%- set zone = var('segmentry_input_time_zone') -%}
    {%- set text = "replace(trim(cast(" ~ column ~ " as varchar)), '/', '-')" -%}
    {%- set naive = "try_cast(" ~ text ~ " as timestamp_ntz)" -%}
    case
        when regexp_like({{ text }}, '{{ segmentry.naive_time() }}')
            then {{ naive if zone == 'UTC' else "convert_timezone('" ~ zone ~ "', 'UTC', " ~ naive ~ ")" }}
        else cast(convert_timezone('UTC', try_cast({{ text }} as timestamp_tz)) as timestamp_ntz)
    end
{%- endmacro %}

{# https://cloud.google.com/bigquery/docs/reference/standard-sql/conversion_functions#safe_casting #}
{% macro bigquery__to_utc(column) -%}
    {%- set text = "replace(trim(cast(" ~ column ~ " as string)), '/', '-')" -%}
    case
        when regexp_contains({{ text }}, r'{{ segmentry.naive_time() }}')
            then timestamp(safe_cast({{ text }} as datetime), '{{ var("segmentry_input_time_zone") }}')
        else safe_cast({{ text }} as timestamp)
    end
{%- endmacro %}

{# https://docs.aws.amazon.com/redshift/latest/dg/r_TRY_CAST.html #}
{% macro redshift__to_utc(column) -%}
    {%- set text = "btrim(cast(" ~ column ~ " as " ~ dbt.type_string() ~ "))" -%}
    case
        when {{ text }} ~ '{{ segmentry.naive_time() }}'
            then convert_timezone('{{ var("segmentry_input_time_zone") }}', 'UTC', try_cast({{ text }} as timestamp))
        else try_cast({{ text }} as timestamptz) at time zone 'UTC'
    end
{%- endmacro %}

{# Between day and time, and between time and zone, stands one space. https://trino.io/docs/current/functions/conversion.html #}
{% macro trino__to_utc(column) -%}
    {%- set text = "regexp_replace(replace(replace(trim(cast(" ~ column ~ " as varchar)), '/', '-'), 'T', ' '), '(:[0-9.]+)(Z|[+-][0-9:]+)$', '$1 $2')" -%}
    case
        when regexp_like({{ text }}, '{{ segmentry.naive_time() }}')
            then cast(
                with_timezone(try_cast({{ text }} as timestamp(6)), '{{ var("segmentry_input_time_zone") }}') at time zone 'UTC' as timestamp(6)
            )
        else cast(try_cast({{ text }} as timestamp(6) with time zone) at time zone 'UTC' as timestamp(6))
    end
{%- endmacro %}
