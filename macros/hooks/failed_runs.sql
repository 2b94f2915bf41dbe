{# A run whose models or tests failed must not be what later runs go by, although its history may be written by then. The table run_failures, beside
   the run's own, holds 1 for each time that a run failed or was withdrawn and -1 for each time that this was over: rows are only added, since those of
   some engines can't be deleted. Called with dbt's `results` at the end of a command. #}
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
        {%- set failures = segmentry.run_failures_table(run_relation) if failed else segmentry.run_failures_relation() -%}
        {%- if failed -%}
            {{ segmentry.add_failure(run_relation, failures) }}
        {%- elif is_whole and failures -%}
            insert into {{ failures }}
            select run_id, -1 as failure_count
            from {{ run_relation }}
            where run_id in {{ segmentry.failed_run_ids(failures) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{# The same for a run that went well and is not wanted: a refit that nobody likes.

       dbt run-operation withdraw_run --args '{run_id: "..."}'

   What the run wrote stays in the histories. Later runs compare themselves with the run before it, take segment ids from there, and assign to the
   refit before it. #}
{% macro withdraw_run(run_id) -%}
    {%- if execute -%}
        {%- set runs = segmentry.earlier_relation('segmentry__segmentation_runs') -%}
        {%- if runs is none -%}
            {%- do exceptions.raise_compiler_error('The table segmentation_runs was looked for in ' ~ target.database ~ ' and is not there. Run dbt build first.') -%}
        {%- endif -%}
        {%- set known = segmentry.row_values('select run_id, segmentation_mode from ' ~ runs ~ ' order by recorded_at desc, run_id') -%}
        {%- set ids = known | map(attribute='run_id') | list -%}
        {%- if run_id not in ids -%}
            {%- do exceptions.raise_compiler_error('The run ' ~ tojson(run_id) ~ ' is not in segmentation_runs. Name one of those; the newest: ' ~ ids[:3] | join(', ') ~ '.') -%}
        {%- endif -%}
        {%- set failures = segmentry.run_failures_table(runs) -%}
        {%- do run_query(segmentry.add_failure('(select run_id from ' ~ runs ~ " where run_id = '" ~ run_id ~ "') as withdrawn", failures)) -%}
        {%- set failed = segmentry.row_values('select run_id from ' ~ segmentry.failed_run_ids(failures) ~ ' as failed_runs') | map(attribute='run_id') | list -%}
        {%- do segmentry.commit_operation() -%}
        {%- set left = known | rejectattr('run_id', 'in', failed) | list -%}
        {%- set refits = left | selectattr('segmentation_mode', 'equalto', 'refit') | list -%}
        {%- do print(
            'Run ' ~ run_id ~ ' is withdrawn. The next build compares itself with ' ~ ('run ' ~ left[0].run_id if left else 'no run') ~ '; in the mode assign it goes by '
            ~ ('refit ' ~ refits[0].run_id if refits else 'no refit, and stops') ~ '.'
        ) -%}
    {%- endif -%}
{%- endmacro %}

{# The table run_failures, made when it is not there; `runs` is a table with run_id. #}
{% macro run_failures_table(runs) -%}
    {%- set known = segmentry.run_failures_relation() -%}
    {%- if known -%}
        {{ return(known) }}
    {%- endif -%}
    {%- set run_node = graph.nodes.values() | selectattr('name', 'equalto', 'int_segmentry__run') | list | first -%}
    {%- set made = api.Relation.create(database=run_node.database, schema=run_node.schema, identifier='run_failures') -%}
    {%- do run_query('create table ' ~ made ~ ' as select run_id, 1 as failure_count from ' ~ runs ~ ' where 1 = 0') -%}
    {{ return(made) }}
{%- endmacro %}

{# Statement that marks the run of `run` (a relation with run_id) as failed, unless it is. #}
{% macro add_failure(run, failures) -%}
    insert into {{ failures }}
    select run_id, 1 as failure_count
    from {{ run }}
    where run_id not in {{ segmentry.failed_run_ids(failures) }}
{%- endmacro %}

{# Query, in brackets, for the ids of the runs that count as failed; none when no run ever failed. #}
{% macro failed_run_ids(failures=none) -%}
    {%- set failures = failures or segmentry.run_failures_relation() -%}
    {%- if failures -%}
        {{ return('(select run_id from ' ~ failures ~ ' group by run_id having sum(failure_count) > 0)') }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{% macro run_failures_relation() -%}
    {%- if execute -%}
        {%- set run_node = graph.nodes.values() | selectattr('name', 'equalto', 'int_segmentry__run') | list | first -%}
        {{ return(adapter.get_relation(database=run_node.database, schema=run_node.schema, identifier='run_failures')) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}
