{# A table as dbt-postgres makes it. Its texts are then ordered by their bytes, as on the other engines, whatever the collation of the database, and the
   planner learns what is in it: nobody analyses a table that is a second old. A Python model names its table in the last line. #}
{% macro segmentry_postgres__create_table_as(temporary, relation, compiled_code, language='sql') -%}
    {%- if language == 'python' %}
{{ compiled_code }}
# into {{ relation }}
    {%- else -%}
    {{ postgres__create_table_as(temporary, relation, compiled_code) }}
    do $bytes$
    declare
        column_name name;
    begin
        for column_name in
            select attname
            from pg_attribute
            where attrelid = '{{ relation }}'::regclass and attnum > 0 and not attisdropped
                and atttypid = 'text'::regtype and attcollation = '"default"'::regcollation
        loop
            execute format('alter table {{ relation }} alter column %I type text collate "C"', column_name);
        end loop;
    end
    $bytes$;
    analyze {{ relation }}
    {%- endif -%}
{%- endmacro %}
