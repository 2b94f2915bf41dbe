{# Top down from the ids that are merged into nothing, each id is visited once and a cycle can't be entered: what is never reached is in a cycle or
   leads into one. Edges and answer are not named for a second use: engines keep a copy in memory of what is. #}
{% macro walk_merge_trees_by_recursion(edges, keys=[]) -%}
    {%- set key_list = keys | join(', ') ~ (', ' if keys else '') -%}
    with recursive survivors as (
        select distinct
            {% for key in keys %}counted_edges.{{ key }}, {% endfor %}
            counted_edges.new_id as id
        from ({{ edges }}) as counted_edges
        left join ({{ edges }}) as onward
            on counted_edges.new_id = onward.old_id
            {% for key in keys %} and counted_edges.{{ key }} = onward.{{ key }}{% endfor %}

        where onward.old_id is null
    ),

    tree as (
        select
            {{ key_list }}
            id,
            {# NULL, of the type and the collation that the walk goes on with. #}
            nullif(id, id) as next_id,
            cast(null as {{ dbt.type_timestamp() }}) as merged_at,
            id as end_id,
            cast(0 as {{ dbt.type_bigint() }}) as depth
        from survivors
        union all
        select
            {% for key in keys %}counted_edges.{{ key }}, {% endfor %}
            counted_edges.old_id as id,
            tree.id as next_id,
            counted_edges.merged_at,
            tree.end_id,
            tree.depth + 1 as depth
        from tree
        inner join ({{ edges }}) as counted_edges
            on tree.id = counted_edges.new_id
            {% for key in keys %} and tree.{{ key }} = counted_edges.{{ key }}{% endfor %}

    )

    select
        {{ key_list }}
        id,
        next_id,
        merged_at,
        end_id,
        depth
    from tree
    {# True of every row. DuckDB gathers what passes a filter into full vectors; without one it writes each level of a long chain, a single row, on
       its own, which takes half as long again. #}
    where depth >= 0
{%- endmacro %}

{# What no walk has reached. Each cycle elects its leader: every id sends its name along the merges, and an id passes on only names that rank before
   its own (by hash, so that the expected number of messages is n log n); a name that comes home belongs to the leader of a cycle (Chang and
   Roberts 1979). `union` (distinct) ends the walk of names from outside that enter a cycle. #}
{% macro walk_merge_cycles_by_recursion(edges, trees, keys=[]) -%}
    {%- set key_list = keys | join(', ') ~ (', ' if keys else '') -%}
    with recursive counted_edges as (
        {{ edges }}
    ),

    stuck_edges as (
        select
            {% for key in keys %}counted_edges.{{ key }}, {% endfor %}
            counted_edges.old_id as id,
            counted_edges.new_id as next_id,
            counted_edges.merged_at,
            {{ dbt.hash('counted_edges.old_id') }} as id_rank
        from counted_edges
        left join {{ trees }} as trees
            on counted_edges.old_id = trees.id
            {% for key in keys %} and counted_edges.{{ key }} = trees.{{ key }}{% endfor %}

        where trees.id is null
    ),

    messages as (
        select
            {{ key_list }}
            id as sender_id,
            id_rank as sender_rank,
            next_id as receiver_id
        from stuck_edges
        union
        select
            {% for key in keys %}messages.{{ key }}, {% endfor %}
            messages.sender_id,
            messages.sender_rank,
            stuck_edges.next_id as receiver_id
        from messages
        inner join stuck_edges
            on messages.receiver_id = stuck_edges.id
            {% for key in keys %} and messages.{{ key }} = stuck_edges.{{ key }}{% endfor %}

        where messages.sender_rank < stuck_edges.id_rank
    ),

    leaders as (
        select
            {{ key_list }}
            sender_id as leader_id
        from messages
        where sender_id = receiver_id
    ),

    walk as (
        select
            {% for key in keys %}leaders.{{ key }}, {% endfor %}
            leaders.leader_id,
            stuck_edges.id,
            stuck_edges.next_id,
            stuck_edges.merged_at
        from leaders
        inner join stuck_edges
            on leaders.leader_id = stuck_edges.id
            {% for key in keys %} and leaders.{{ key }} = stuck_edges.{{ key }}{% endfor %}

        union all
        select
            {% for key in keys %}walk.{{ key }}, {% endfor %}
            walk.leader_id,
            stuck_edges.id,
            stuck_edges.next_id,
            stuck_edges.merged_at
        from walk
        inner join stuck_edges
            on walk.next_id = stuck_edges.id
            {% for key in keys %} and walk.{{ key }} = stuck_edges.{{ key }}{% endfor %}

        where walk.next_id <> walk.leader_id
    ),

    members as (
        select
            walk.*,
            min(walk.id) over (partition by {{ key_list }}leader_id) as cycle_id,
            row_number() over (partition by {{ key_list }}leader_id order by merged_at desc, id) as recency
        from walk
    ),

    -- The target of the newest merge came back: without its own merge the cycle is a tree below it.
    opened_tree as (
        select
            {{ key_list }}
            next_id as id,
            cycle_id,
            next_id as end_id,
            cast(0 as {{ dbt.type_bigint() }}) as depth
        from members
        where recency = 1
        union all
        select
            {% for key in keys %}stuck_edges.{{ key }}, {% endfor %}
            stuck_edges.id,
            opened_tree.cycle_id,
            opened_tree.end_id,
            opened_tree.depth + 1 as depth
        from opened_tree
        inner join stuck_edges
            on opened_tree.id = stuck_edges.next_id
            {% for key in keys %} and opened_tree.{{ key }} = stuck_edges.{{ key }}{% endfor %}

        where stuck_edges.id <> opened_tree.end_id
    ),

    {{ segmentry.place_cycles(opened='opened_tree', members='members', stuck_edges='stuck_edges', keys=keys) }}
{%- endmacro %}

{# The end of a query after its CTEs: what is in a cycle or leads into one, in the columns of resolve_merges. `opened` (`keys`, id, cycle_id, end_id, depth)
   is the tree that is left of each cycle without its newest merge's target's own merge; along the merges the depth in it falls by one, which orders
   the members. #}
{% macro place_cycles(opened, members, stuck_edges, keys=[]) -%}
    {%- set key_list = keys | join(', ') ~ (', ' if keys else '') -%}
    member_depths as (
        select
            {% for key in keys %}opened.{{ key }}, {% endfor %}
            opened.id,
            opened.depth,
            count(*) over (partition by {% for key in keys %}opened.{{ key }}, {% endfor %}opened.cycle_id) as cycle_length,
            max(case when opened.id = opened.cycle_id then opened.depth end)
                over (partition by {% for key in keys %}opened.{{ key }}, {% endfor %}opened.cycle_id) as least_id_depth
        from {{ opened }} as opened
        inner join {{ members }} as members
            on opened.id = members.id
            {% for key in keys %} and opened.{{ key }} = members.{{ key }}{% endfor %}

    ),

    cycles_placed as (
        select
            {% for key in keys %}opened.{{ key }}, {% endfor %}
            opened.id,
            stuck_edges.next_id,
            stuck_edges.merged_at,
            opened.end_id,
            opened.depth,
            opened.cycle_id,
            member_depths.cycle_length,
            mod(member_depths.least_id_depth - member_depths.depth + member_depths.cycle_length, member_depths.cycle_length) + 1 as cycle_position
        from {{ opened }} as opened
        inner join {{ stuck_edges }} as stuck_edges
            on opened.id = stuck_edges.id
            {% for key in keys %} and opened.{{ key }} = stuck_edges.{{ key }}{% endfor %}

        left join member_depths
            on opened.id = member_depths.id
            {% for key in keys %} and opened.{{ key }} = member_depths.{{ key }}{% endfor %}

    )

    select
        {{ key_list }}
        id,
        next_id,
        merged_at,
        end_id,
        depth,
        cycle_id,
        cycle_length,
        cycle_position
    from cycles_placed
{%- endmacro %}
