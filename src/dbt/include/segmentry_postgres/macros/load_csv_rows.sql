{# Seeds by COPY: an insert with a parameter per value takes most of a minute for the 27,000 rows of a demo. #}
{% macro segmentry_postgres__load_csv_rows(model, agate_table) -%}
    {%- set columns = get_seed_column_quoted_csv(model, agate_table.column_names) -%}
    {%- do adapter.copy_rows(this.render(), columns, agate_table) -%}
    {{ return('copy ' ~ this.render() ~ ' (' ~ columns ~ ') from stdin (format csv)') }}
{%- endmacro %}
