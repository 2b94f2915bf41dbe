{# The policy `error`: stop before the map is built, name the first findings and say what to do. #}

{% macro stop_on_conflicts() -%}
    {%- if var('segmentry_conflict_policy') == 'error' -%}
        {%- do segmentry.stop_on_findings(
            "select old_id, new_id from " ~ ref('int_segmentry__merge_edges_ranked')
            ~ " where old_id in (select old_id from " ~ ref('int_segmentry__merge_edges_ranked') ~ " where conflict_rank > 1) order by old_id, new_id",
            "merges of ids that are merged into more than one other id",
            "Correct the merge history, or set segmentry_conflict_policy to latest or earliest."
        ) -%}
    {%- endif -%}
{%- endmacro %}

{% macro stop_on_merges() -%}
    {%- if var('segmentry_cycle_policy') == 'error' -%}
        {%- do segmentry.stop_on_findings(
            "select id, next_id from " ~ ref('int_segmentry__merges_resolved') ~ " where cycle_position is not null order by cycle_id, cycle_position",
            "merges run in a circle",
            "Correct the merge history, or set segmentry_cycle_policy to quarantine or latest_wins."
        ) -%}
    {%- endif -%}
    {%- if var('segmentry_max_merge_depth_policy') == 'error' -%}
        {%- do segmentry.stop_on_findings(
            "select id, end_id || ' in ' || cast(depth as " ~ dbt.type_string() ~ ") || ' merges' from " ~ ref('int_segmentry__merges_resolved')
            ~ " where " ~ segmentry.counts_as_one_customer() ~ " and depth > " ~ var('segmentry_max_merge_depth') ~ " order by depth desc, id",
            "ids are more than " ~ var('segmentry_max_merge_depth') ~ " merges away from their customer",
            "Correct the merge history, raise segmentry_max_merge_depth, or set segmentry_max_merge_depth_policy to flag or quarantine."
        ) -%}
    {%- endif -%}
    {%- if var('segmentry_max_cluster_size_policy') == 'error' -%}
        {%- do segmentry.stop_on_findings(
            "select concat(cast(count(*) as " ~ dbt.type_string() ~ "), ' ids'), end_id from " ~ ref('int_segmentry__merges_resolved')
            ~ " where " ~ segmentry.counts_as_one_customer()
            ~ " group by end_id having count(*) > " ~ var('segmentry_max_cluster_size') ~ " order by count(*) desc, end_id",
            "customers have more than " ~ var('segmentry_max_cluster_size') ~ " ids",
            "Correct the merge history, raise segmentry_max_cluster_size, or set segmentry_max_cluster_size_policy to flag or quarantine."
        ) -%}
    {%- endif -%}
{%- endmacro %}

{# What is in a cycle is one customer only when the newest merge of the cycle decides. #}
{% macro counts_as_one_customer() -%}
    {{ '1 = 1' if var('segmentry_cycle_policy') == 'latest_wins' else 'cycle_id is null' }}
{%- endmacro %}

{% macro stop_on_findings(query, finding, remedy) -%}
    {%- if execute and flags.WHICH in ('run', 'build', 'retry') -%}
        {%- set rows = run_query(query).rows -%}
        {%- if rows | length > 0 -%}
            {%- set examples = [] -%}
            {%- for row in rows[:10] -%} {%- do examples.append(row[0] ~ ' -> ' ~ row[1]) -%} {%- endfor -%}
            {%- do exceptions.raise_compiler_error(
                (rows | length) ~ ' ' ~ finding ~ ': ' ~ (examples | join(', ')) ~ (', ...' if rows | length > 10 else '') ~ '. ' ~ remedy
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
