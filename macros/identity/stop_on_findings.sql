{# The policy `error` of conflicts and of cycles: stop before anything is resolved, name the first findings and say what to do. #}

{% macro stop_on_conflicts() -%}
    {%- if execute and var('segmentry_conflict_policy') == 'error' -%}
        {%- do segmentry.stop_on_findings(
            "select old_id, new_id from " ~ ref('int_segmentry__merge_edges_ranked')
            ~ " where old_id in (select old_id from " ~ ref('int_segmentry__merge_edges_ranked') ~ " where conflict_rank > 1) order by old_id, new_id",
            "ids are merged into more than one other id",
            "Correct the merge history, or set segmentry_conflict_policy to latest or earliest."
        ) -%}
    {%- endif -%}
{%- endmacro %}

{% macro stop_on_cycles() -%}
    {%- if execute and var('segmentry_cycle_policy') == 'error' -%}
        {%- do segmentry.stop_on_findings(
            "select id, next_id from " ~ ref('int_segmentry__merge_cycles_found') ~ " order by cycle_id, position",
            "merges run in a circle",
            "Correct the merge history, or set segmentry_cycle_policy to quarantine or latest_wins."
        ) -%}
    {%- endif -%}
{%- endmacro %}

{% macro stop_on_findings(query, finding, remedy) -%}
    {%- if flags.WHICH in ('run', 'build', 'retry') -%}
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
