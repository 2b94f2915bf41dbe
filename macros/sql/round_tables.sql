{# The tables between two rounds of resolve_merges_by_rounds: they belong to one model and never outlive its connection. #}

{% macro round_table(name) -%} {{ return(adapter.dispatch('round_table', 'segmentry')(name)) }} {%- endmacro %}
{% macro create_round_table(name, query) -%} {{ return(adapter.dispatch('create_round_table', 'segmentry')(name, query)) }} {%- endmacro %}
{% macro append_round_rows(name, new_rows) -%} {{ return(adapter.dispatch('append_round_rows', 'segmentry')(name, new_rows)) }} {%- endmacro %}
{% macro drop_round_table(name) -%} {{ return(adapter.dispatch('drop_round_table', 'segmentry')(name)) }} {%- endmacro %}

{# Temporary tables live and die with the connection; a transaction that fails takes them with it. #}
{% macro default__round_table(name) -%}
    segmentry_rounds_{{ name }}
{%- endmacro %}

{% macro default__create_round_table(name, query) -%}
    {%- do segmentry.drop_round_table(name) -%}
    {%- do run_query('create temporary table ' ~ segmentry.round_table(name) ~ ' as ' ~ query) -%}
{%- endmacro %}

{% macro default__append_round_rows(name, new_rows) -%}
    {%- do run_query('insert into ' ~ segmentry.round_table(name) ~ ' select * from ' ~ segmentry.round_table(new_rows)) -%}
{%- endmacro %}

{% macro default__drop_round_table(name) -%}
    {%- do run_query('drop table if exists ' ~ segmentry.round_table(name)) -%}
{%- endmacro %}

{# Spark has no temporary tables, and a view over views would be computed anew in each round: rows are computed once, kept by the executors and named by a
   temporary view (segmentry.engines.spark). All models share the one session, so the view has the name of its model in it. #}
{% macro segmentry_spark__round_table(name) -%}
    segmentry_rounds_{{ this.identifier }}_{{ name }}
{%- endmacro %}

{% macro segmentry_spark__create_round_table(name, query) -%}
    {%- do adapter.keep_rows(segmentry.round_table(name), query) -%}
{%- endmacro %}

{% macro segmentry_spark__append_round_rows(name, new_rows) -%}
    {%- do segmentry.create_round_table(
        name, 'select * from ' ~ segmentry.round_table(name) ~ ' union all select * from ' ~ segmentry.round_table(new_rows)
    ) -%}
{%- endmacro %}

{% macro segmentry_spark__drop_round_table(name) -%}
    {%- do run_query('drop view if exists ' ~ segmentry.round_table(name)) -%}
{%- endmacro %}

{# Where a temporary table is unknown or ends with its statement: tables of the schema, with the name of their model in them. The post-hook of the model drops
   them; what a build that broke leaves behind is replaced by the next one. #}
{% macro table_of_round(name) -%} {{ return(this.incorporate(path={'identifier': 'segmentry_rounds_' ~ this.identifier ~ '_' ~ name})) }} {%- endmacro %}

{% macro create_table_of_round(name, query) -%}
    {%- do segmentry.drop_round_table(name) -%}
    {%- do run_query('create table ' ~ segmentry.round_table(name) ~ ' as ' ~ query) -%}
{%- endmacro %}

{# https://cloud.google.com/bigquery/docs/multi-statement-queries#temporary_tables #}
{% macro bigquery__round_table(name) -%} {{ return(segmentry.table_of_round(name)) }} {%- endmacro %}
{% macro bigquery__create_round_table(name, query) -%} {%- do segmentry.create_table_of_round(name, query) -%} {%- endmacro %}

{# https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-syntax-ddl-create-table-using #}
{% macro databricks__round_table(name) -%} {{ return(segmentry.table_of_round(name)) }} {%- endmacro %}
{% macro databricks__create_round_table(name, query) -%} {%- do segmentry.create_table_of_round(name, query) -%} {%- endmacro %}

{# https://trino.io/docs/current/sql/create-table-as.html #}
{% macro trino__round_table(name) -%} {{ return(segmentry.table_of_round(name)) }} {%- endmacro %}
{% macro trino__create_round_table(name, query) -%} {%- do segmentry.create_table_of_round(name, query) -%} {%- endmacro %}
