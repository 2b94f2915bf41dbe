{# Every id that reaches a survivor: top-down recursion from the ids that are merged into nothing. An old id has one edge, so the graph is
   functional, the recursion visits each id once and can't enter a cycle: what it never reaches is in a cycle or leads into one.
   Depth is an output, never a way to stop. `edges` has the columns of `keys`, old_id, new_id, merged_at. #}
{% macro merge_tree(edges, keys=[]) -%}
    {%- set key_list = keys | join(', ') ~ (', ' if keys else '') -%}
    with recursive counted_edges as (
        select {{ key_list }}old_id, new_id, merged_at
        from {{ edges }}
    ),

    survivors as (
        select distinct
            {% for key in keys %}counted_edges.{{ key }}, {% endfor %}
            counted_edges.new_id as id
        from counted_edges
        left join counted_edges as onward
            on counted_edges.new_id = onward.old_id
            {% for key in keys %} and counted_edges.{{ key }} = onward.{{ key }}{% endfor %}
        where onward.old_id is null
    ),

    tree as (
        select
            {{ key_list }}
            id,
            id as customer_id,
            cast(0 as {{ dbt.type_bigint() }}) as depth,
            cast(null as {{ dbt.type_timestamp() }}) as merged_at
        from survivors
        union all
        select
            {% for key in keys %}counted_edges.{{ key }}, {% endfor %}
            counted_edges.old_id as id,
            tree.customer_id,
            tree.depth + 1 as depth,
            counted_edges.merged_at
        from tree
        inner join counted_edges
            on tree.id = counted_edges.new_id
            {% for key in keys %} and tree.{{ key }} = counted_edges.{{ key }}{% endfor %}
    )

    select
        {{ key_list }}
        id,
        customer_id,
        depth,
        merged_at
    from tree
{%- endmacro %}
