{# Pointer doubling, for engines whose recursion is capped or slow: every id that is not done points 2^r merges ahead after round r, so
   ceil(log2(longest chain)) rounds of plain joins find every survivor. A round that finishes no id while some are left proves that all that is left
   runs into a cycle. The rounds run when the model is built, on temporary tables of the model's own transaction: when it fails, nothing is left
   behind, and `drop_round_tables` as post-hook drops them when it succeeds. #}
{% macro walk_merge_trees_by_rounds(edges, keys=[]) -%}
    {%- set key_list = keys | join(', ') ~ (', ' if keys else '') -%}
    {%- if segmentry.rounds_run() -%}
        {%- do segmentry.create_round_table('edges', segmentry.round_edges(edges, keys)) -%}
        {%- do segmentry.double_pointers('tree', 'edges', keys) -%}
    {%- set tree_done = segmentry.round_table('tree_done') -%}
    select
        {% for key in keys %}tree_done.{{ key }}, {% endfor %}
        tree_done.id,
        edges.next_id,
        edges.merged_at,
        tree_done.end_id,
        tree_done.depth
    from {{ tree_done }} as tree_done
    inner join {{ segmentry.round_table('edges') }} as edges
        on tree_done.id = edges.id
        {% for key in keys %} and tree_done.{{ key }} = edges.{{ key }}{% endfor %}

    union all
    select distinct
        {{ key_list }}
        end_id as id,
        cast(null as {{ dbt.type_string() }}) as next_id,
        cast(null as {{ dbt.type_timestamp() }}) as merged_at,
        end_id,
        cast(0 as {{ dbt.type_bigint() }}) as depth
    from {{ tree_done }}
    {%- else -%}
    -- Walked in rounds when the model is built; this text only has its columns.
    select
        {{ key_list }}
        old_id as id,
        new_id as next_id,
        merged_at,
        old_id as end_id,
        cast(0 as {{ dbt.type_bigint() }}) as depth
    from ({{ edges }}) as counted_edges
    where 1 = 0
    {%- endif -%}
{%- endmacro %}

{# What is not in the relation `trees`, or, without one, what the walk of the trees in this very model left over. #}
{% macro walk_merge_cycles_by_rounds(edges, trees=none, keys=[]) -%}
    {%- set key_list = keys | join(', ') ~ (', ' if keys else '') -%}
    {%- if segmentry.rounds_run() -%}
        {%- set all_edges = '(' ~ segmentry.round_edges(edges, keys) ~ ')' if trees else segmentry.round_table('edges') -%}
        {%- do segmentry.create_round_table('stuck_edges',
            'select ' ~ segmentry.round_keys(keys, 'edges') ~ 'edges.id, edges.next_id, edges.merged_at from ' ~ all_edges
            ~ ' as edges left join ' ~ (trees or segmentry.round_table('tree_done')) ~ ' as trees on '
            ~ segmentry.round_join(keys, 'edges', 'id', 'trees', 'id') ~ ' where trees.id is null'
        ) -%}
    {%- endif -%}
    {# Most histories have no cycle. #}
    {%- if segmentry.rounds_run() and segmentry.count_round_rows('stuck_edges') > 0 -%}
        {%- do segmentry.open_cycles(keys) -%}
    with {% for table in ('stuck_edges', 'members', 'opened', 'opened_done') -%}
    {{ table }} as (
        select * from {{ segmentry.round_table(table) }}
    ),

    {% endfor %}
    opened_tree as (
        select
            {{ key_list }}
            end_id as id,
            end_id,
            cast(0 as {{ dbt.type_bigint() }}) as depth
        from opened
        union all
        select
            {{ key_list }}
            id,
            end_id,
            depth
        from opened_done
    ),

    opened_cycles as (
        select
            {% for key in keys %}opened_tree.{{ key }}, {% endfor %}
            opened_tree.id,
            members.cycle_id,
            opened_tree.end_id,
            opened_tree.depth
        from opened_tree
        inner join members
            on opened_tree.end_id = members.id
            {% for key in keys %} and opened_tree.{{ key }} = members.{{ key }}{% endfor %}

    ),

    {{ segmentry.place_cycles(opened='opened_cycles', members='members', stuck_edges='stuck_edges', keys=keys) }}
    {%- else -%}
    -- Without a cycle, and where no model is built, there are columns and no rows.
    select
        {{ key_list }}
        old_id as id,
        new_id as next_id,
        merged_at,
        old_id as end_id,
        cast(0 as {{ dbt.type_bigint() }}) as depth,
        old_id as cycle_id,
        cast(0 as {{ dbt.type_bigint() }}) as cycle_length,
        cast(0 as {{ dbt.type_bigint() }}) as cycle_position
    from ({{ edges }}) as counted_edges
    where 1 = 0
    {%- endif -%}
{%- endmacro %}

{# Whether tables can be made: a model is being built. #}
{% macro rounds_run() -%}
    {{ return(execute and flags.WHICH in ('run', 'build', 'retry')) }}
{%- endmacro %}

{% macro round_edges(edges, keys) -%}
    select {{ segmentry.round_keys(keys, 'counted_edges') }}counted_edges.old_id as id, counted_edges.new_id as next_id, counted_edges.merged_at
    from ({{ edges }}) as counted_edges
{%- endmacro %}

{# Follow the edges of the round table `edges` to their ends: `<name>_done` (`keys`, id, end_id, depth) has the ids that reach an id without an edge,
   `<name>_live` those that never will. #}
{% macro double_pointers(name, edges, keys) -%}
    {%- set done = name ~ '_done' -%}
    {%- set live = name ~ '_live' -%}
    {%- set onward = segmentry.round_join(keys, 'pointers', 'next_id', 'onward', 'id') -%}
    {%- set all_edges = segmentry.round_table(edges) -%}
    {%- do segmentry.create_round_table(done,
        'select ' ~ segmentry.round_keys(keys, 'pointers') ~ 'pointers.id, pointers.next_id as end_id, cast(1 as ' ~ dbt.type_bigint() ~ ') as depth from '
        ~ all_edges ~ ' as pointers left join ' ~ all_edges ~ ' as onward on ' ~ onward ~ ' where onward.id is null'
    ) -%}
    {%- do segmentry.create_round_table(live,
        'select ' ~ segmentry.round_keys(keys, 'pointers') ~ 'pointers.id, pointers.next_id, cast(1 as ' ~ dbt.type_bigint() ~ ') as hops from '
        ~ all_edges ~ ' as pointers inner join ' ~ all_edges ~ ' as onward on ' ~ onward
    ) -%}
    {%- set progress = namespace(going=true) -%}
    {# 2^63 merges are more than any table holds. #}
    {%- for round in range(63) if progress.going -%}
        {%- if segmentry.count_round_rows(live) == 0 -%}
            {%- set progress.going = false -%}
        {%- else -%}
            {%- do segmentry.create_round_table('reached',
                'select ' ~ segmentry.round_keys(keys, 'pointers') ~ 'pointers.id, onward.end_id, pointers.hops + onward.depth as depth from '
                ~ segmentry.round_table(live) ~ ' as pointers inner join ' ~ segmentry.round_table(done) ~ ' as onward on ' ~ onward
            ) -%}
            {%- if segmentry.count_round_rows('reached') == 0 -%}
                {%- set progress.going = false -%}
            {%- else -%}
                {%- do segmentry.create_round_table('ahead',
                    'select ' ~ segmentry.round_keys(keys, 'pointers') ~ 'pointers.id, onward.next_id, pointers.hops + onward.hops as hops from '
                    ~ segmentry.round_table(live) ~ ' as pointers inner join ' ~ segmentry.round_table(live) ~ ' as onward on ' ~ onward
                ) -%}
                {%- do segmentry.append_round_rows(done, 'reached') -%}
                {%- do segmentry.create_round_table(live, 'select * from ' ~ segmentry.round_table('ahead')) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{# What never ends: `stuck_edges`. Tables: members (`keys`, id, cycle_id) of the cycles; opened (`keys`, end_id),
   the target of each cycle's newest merge; opened_done, the way of all others to it once its own merge is left out. #}
{% macro open_cycles(keys) -%}
    {%- set stuck = segmentry.round_table('stuck_edges') -%}
    {%- set onward = segmentry.round_join(keys, 'pointers', 'next_id', 'onward', 'id') -%}
    {# Once the pointers are as many merges ahead as there are ids, each is in its cycle and has the whole of it between itself and a round more. #}
    {%- do segmentry.create_round_table('orbits', 'select ' ~ segmentry.round_keys(keys, 'stuck_edges') ~ 'id, next_id, id as least_id from ' ~ stuck ~ ' as stuck_edges') -%}
    {%- set stuck_count = segmentry.count_round_rows('stuck_edges') -%}
    {%- set progress = namespace(hops=1) -%}
    {%- for round in range(63) if progress.hops < stuck_count -%}
        {%- do segmentry.create_round_table('ahead',
            'select ' ~ segmentry.round_keys(keys, 'pointers') ~ 'pointers.id, onward.next_id, case when onward.least_id < pointers.least_id then onward.least_id else pointers.least_id end as least_id from '
            ~ segmentry.round_table('orbits') ~ ' as pointers inner join ' ~ segmentry.round_table('orbits') ~ ' as onward on ' ~ onward
        ) -%}
        {%- do segmentry.create_round_table('orbits', 'select * from ' ~ segmentry.round_table('ahead')) -%}
        {%- set progress.hops = progress.hops * 2 -%}
    {%- endfor -%}
    {%- do segmentry.create_round_table('members',
        'select distinct ' ~ segmentry.round_keys(keys, 'onward') ~ 'onward.id, onward.least_id as cycle_id from ' ~ segmentry.round_table('orbits') ~ ' as pointers inner join '
        ~ segmentry.round_table('orbits') ~ ' as onward on ' ~ onward
    ) -%}
    {%- do segmentry.create_round_table('opened',
        'select ' ~ segmentry.round_keys(keys, 'ranked') ~ 'ranked.next_id as end_id from (select ' ~ segmentry.round_keys(keys, 'stuck_edges')
        ~ 'stuck_edges.next_id, row_number() over (partition by ' ~ segmentry.round_keys(keys, 'members')
        ~ 'members.cycle_id order by stuck_edges.merged_at desc, stuck_edges.id) as recency from ' ~ stuck ~ ' as stuck_edges inner join '
        ~ segmentry.round_table('members') ~ ' as members on ' ~ segmentry.round_join(keys, 'stuck_edges', 'id', 'members', 'id') ~ ') as ranked where ranked.recency = 1'
    ) -%}
    {%- do segmentry.create_round_table('opened_edges',
        'select ' ~ segmentry.round_keys(keys, 'stuck_edges') ~ 'stuck_edges.id, stuck_edges.next_id from ' ~ stuck ~ ' as stuck_edges left join '
        ~ segmentry.round_table('opened') ~ ' as opened on ' ~ segmentry.round_join(keys, 'stuck_edges', 'id', 'opened', 'end_id') ~ ' where opened.end_id is null'
    ) -%}
    {%- do segmentry.double_pointers('opened', 'opened_edges', keys) -%}
{%- endmacro %}

{% macro round_keys(keys, relation) -%}
    {%- for key in keys %}{{ relation }}.{{ key }}, {% endfor -%}
{%- endmacro %}

{% macro round_join(keys, relation, column, other_relation, other_column) -%}
    {{ relation }}.{{ column }} = {{ other_relation }}.{{ other_column }}{% for key in keys %} and {{ relation }}.{{ key }} = {{ other_relation }}.{{ key }}{% endfor %}
{%- endmacro %}

{% macro count_round_rows(name) -%}
    {{ return(run_query('select count(*) from ' ~ segmentry.round_table(name)).columns[0].values()[0] | int) }}
{%- endmacro %}

{# Post-hook of a model that resolves merges: nothing stays in memory. #}
{% macro drop_round_tables() -%}
    {%- if execute and flags.WHICH in ('run', 'build', 'retry') and segmentry.merge_algorithm() == 'rounds' -%}
        {%- for name in (
            'edges', 'tree_done', 'tree_live', 'stuck_edges', 'orbits', 'members', 'opened', 'opened_edges', 'opened_done', 'opened_live',
            'reached', 'ahead',
        ) -%}
            {%- do segmentry.drop_round_table(name) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
