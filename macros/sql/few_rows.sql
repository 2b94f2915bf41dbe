{# The rows of a large table whose `column` is one of the few values of `values_column` in `among`: a table, so that engines know that it is small. #}
{% macro few_rows(relation, column, among, values_column) -%}
    {{ return(adapter.dispatch('few_rows', 'segmentry')(relation, column, among, values_column)) }}
{%- endmacro %}

{% macro default__few_rows(relation, column, among, values_column) -%}
    (
        select large.*
        from {{ relation }} as large
        where large.{{ column }} in (select {{ values_column }} from {{ among }})
    )
{%- endmacro %}

{# A join decodes every column of every row; by the row's number the others are read where rows are found. Only tables have such numbers, not
   the subqueries of unit tests and `--empty`.
   https://duckdb.org/docs/stable/sql/statements/select#row-ids #}
{% macro duckdb__few_rows(relation, column, among, values_column) -%}
    {%- if relation.is_cte or flags.EMPTY -%}
    {{ segmentry.default__few_rows(relation, column, among, values_column) }}
    {%- else -%}
    (
        select large.*
        from {{ relation }} as large
        where large.rowid in (
            select found.rowid
            from {{ relation }} as found
            where found.{{ column }} in (select {{ values_column }} from {{ among }})
        )
    )
    {%- endif -%}
{%- endmacro %}
