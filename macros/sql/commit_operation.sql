{# Keeps what an operation wrote: dbt gives the transaction of an operation up at its end. #}
{% macro commit_operation() -%} {{ return(adapter.dispatch('commit_operation', 'segmentry')()) }} {%- endmacro %}
{% macro default__commit_operation() -%} {%- do run_query('commit') -%} {%- endmacro %}

{# Each statement is a transaction of its own there. #}
{% macro spark__commit_operation() -%} {%- endmacro %}
{% macro bigquery__commit_operation() -%} {%- endmacro %}
{% macro trino__commit_operation() -%} {%- endmacro %}
