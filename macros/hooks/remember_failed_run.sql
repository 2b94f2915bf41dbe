{# A run whose models or tests failed must not be what the next run compares itself with, although its history may be written by then. Its id is
   kept in a table of its own, from which a later success of the same run takes it away. Called with dbt's `results` at the end of a command. #}
{% macro remember_failed_run(results) -%}
    {%- set run_relation = segmentry.earlier_relation('int_segmentry__run') -%}
    {#- Where a model before the run's failed, its table is that of an earlier run, which did not fail. #}
    {%- set is_earlier = results | selectattr('node.name', 'equalto', 'int_segmentry__run') | rejectattr('status', 'equalto', 'success') | list -%}
    {%- if run_relation and not is_earlier and flags.WHICH in ('run', 'build', 'retry', 'test') -%}
        {%- set ours = [] -%}
        {%- set failed = [] -%}
        {%- for result in results if result.node.package_name == 'segmentry' and result.node.resource_type != 'unit_test' -%}
            {%- do ours.append(result.node.name) -%}
            {%- if result.status | string in ('fail', 'error', 'runtime error') -%} {%- do failed.append(result.node.name) -%} {%- endif -%}
        {%- endfor -%}
        {%- set is_whole = flags.WHICH == 'retry' or (flags.WHICH == 'build' and 'segmentry__segment_member_history' in ours) -%}
        {%- set known = segmentry.failed_runs_relation() -%}
        {%- set failed_runs = known or api.Relation.create(database=run_relation.database, schema=run_relation.schema, identifier='failed_runs') -%}
        {%- if failed -%}
            {%- if not known -%}
                {%- do run_query('create table ' ~ failed_runs ~ ' as select run_id from ' ~ run_relation ~ ' where 1 = 0') -%}
            {%- endif -%}
            {%- do run_query('delete from ' ~ failed_runs ~ ' where run_id in (select run_id from ' ~ run_relation ~ ')') -%}
            insert into {{ failed_runs }} select run_id from {{ run_relation }}
        {%- elif known and is_whole -%}
            delete from {{ failed_runs }} where run_id in (select run_id from {{ run_relation }})
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{# The table of failed runs, or none when no run has failed yet. #}
{% macro failed_runs_relation() -%}
    {%- if execute -%}
        {%- set run_node = graph.nodes.values() | selectattr('name', 'equalto', 'int_segmentry__run') | list | first -%}
        {{ return(adapter.get_relation(database=run_node.database, schema=run_node.schema, identifier='failed_runs')) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}
