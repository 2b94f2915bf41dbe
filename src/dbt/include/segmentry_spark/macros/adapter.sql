{# Contracts and seeds name types as the other engines do. #}
{% macro segmentry_spark__cast(expression, data_type) -%}
    cast({{ expression }} as {{ adapter.type_on_spark(data_type) }})
{%- endmacro %}

{# A Python model is its compiled code alone: the adapter runs it and writes what it returns. #}
{% macro segmentry_spark__create_table_as(temporary, relation, compiled_code, language='sql') -%}
    {%- if language == 'python' -%}
{{ compiled_code }}
    {%- else -%}
        {{ spark__create_table_as(temporary, relation, compiled_code, language) }}
    {%- endif -%}
{%- endmacro %}

{# Seeds are written as a frame: dbt-spark puts their values into SQL as text, where a NULL becomes the word None and a quote breaks the statement. #}
{% macro segmentry_spark__create_csv_table(model, agate_table) -%}
    {%- do adapter.write_seed(this, agate_table, model['config'].get('column_types', {})) -%}
    {{ return('-- written by the adapter') }}
{%- endmacro %}

{% macro segmentry_spark__load_csv_rows(model, agate_table) -%}
    {{ return('-- written by the adapter') }}
{%- endmacro %}

{# Parquet can't hold constraints; of the formats that Spark writes, Delta can. #}
{% macro segmentry_spark__persist_constraints(relation, model) -%}
    {%- if config.get('file_format') == 'delta' -%}
        {{ spark__persist_constraints(relation, model) }}
    {%- endif -%}
{%- endmacro %}

{# NULL for a NULL, as on other engines; whole seconds and days are all that is asked for.
   https://spark.apache.org/docs/latest/api/sql/#datediff #}
{% macro segmentry_spark__datediff(first_date, second_date, datepart) -%}
    {%- if datepart == 'day' -%}
        datediff({{ second_date }}, {{ first_date }})
    {%- elif datepart == 'second' -%}
        (unix_timestamp({{ second_date }}) - unix_timestamp({{ first_date }}))
    {%- else -%}
        {{ spark__datediff(first_date, second_date, datepart) }}
    {%- endif -%}
{%- endmacro %}

{# Keeps microseconds. https://spark.apache.org/docs/latest/api/sql/#timestampadd #}
{% macro segmentry_spark__dateadd(datepart, interval, from_date_or_timestamp) -%}
    timestampadd({{ datepart }}, {{ interval }}, {{ from_date_or_timestamp }})
{%- endmacro %}

{# https://spark.apache.org/docs/latest/api/sql/#listagg #}
{% macro segmentry_spark__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
    listagg({{ measure }}, {{ delimiter_text }}){% if order_by_clause %} within group ({{ order_by_clause }}){% endif %}
{%- endmacro %}

{# Takes the delimiter as it is. https://spark.apache.org/docs/latest/api/sql/#split_part #}
{% macro segmentry_spark__split_part(string_text, delimiter_text, part_number) -%}
    split_part({{ string_text }}, {{ delimiter_text }}, {{ part_number }})
{%- endmacro %}

{# delete+insert on files that can't be changed in place: the table is partitioned by the unique key, and the partitions that come anew take the place of
   the old ones (spark.sql.sources.partitionOverwriteMode is DYNAMIC, see segmentry.engines.spark). What is built as a whole has no partitions: there would
   be one per key.
   https://spark.apache.org/docs/latest/sql-ref-syntax-dml-insert-table.html #}
{% macro dbt_spark_validate_get_incremental_strategy(raw_strategy, file_format) -%}
    {%- if raw_strategy not in ('append', 'delete+insert', 'insert_overwrite', 'merge', 'microbatch') -%}
        {%- do exceptions.raise_compiler_error('The incremental strategy ' ~ raw_strategy ~ ' does not exist on Spark. Use append or delete+insert.') -%}
    {%- endif -%}
    {{ return('insert_overwrite' if raw_strategy == 'delete+insert' else raw_strategy) }}
{%- endmacro %}

{% macro segmentry_spark__partition_cols(label, required=false) -%}
    {%- set is_rewritten = config.get('materialized') == 'incremental' and config.get('incremental_strategy') == 'delete+insert' -%}
    {%- if is_rewritten and not config.get('partition_by') -%}
        {{ label }} ({{ config.get('unique_key') }})
    {%- else -%}
        {{ spark__partition_cols(label, required) }}
    {%- endif -%}
{%- endmacro %}

{# There are no transactions, and dbt-spark's materializations run only the hooks that belong inside of one. #}
{% macro run_hooks(hooks, inside_transaction=True) -%}
    {%- for hook in hooks if inside_transaction -%}
        {%- set rendered = render(hook.get('sql')) | trim -%}
        {%- if rendered -%}
            {%- call statement(auto_begin=false) -%}
                {{ rendered }}
            {%- endcall -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
