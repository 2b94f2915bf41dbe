{{ config(pre_hook="{{ segmentry.stop_on_cycles() }}") }}
{% set policy = var('segmentry_cycle_policy') %}

with tree as (
    select
        id,
        customer_id,
        depth,
        merged_at
    from {{ ref('int_segmentry__merge_tree_resolved') }}
),

cycle_members as (
    select
        cycle_id,
        id,
        next_id,
        merged_at
    from {{ ref('int_segmentry__merge_cycles_found') }}
),

stuck_edges as (
    select
        edges.old_id,
        edges.new_id,
        edges.merged_at
    from {{ ref('int_segmentry__merge_edges_ranked') }} as edges
    left join tree
        on edges.old_id = tree.id
    where edges.conflict_rank = 1 and tree.id is null
),

{% if policy == 'latest_wins' %}
newest_merges as (
    select
        id,
        next_id,
        row_number() over (partition by cycle_id order by merged_at desc, id) as recency
    from cycle_members
),

-- The target of the newest merge came back: its own merge no longer counts, and the cycle is a tree below it.
opened_edges as (
    select
        stuck_edges.old_id,
        stuck_edges.new_id,
        stuck_edges.merged_at
    from stuck_edges
    left join newest_merges
        on stuck_edges.old_id = newest_merges.next_id and newest_merges.recency = 1
    where newest_merges.next_id is null
),

opened_tree as (
    {{ segmentry.merge_tree('opened_edges') }}
),
{% endif %}

resolved as (
    select
        id,
        customer_id,
        depth,
        merged_at,
        case depth when 0 then 'survivor' when 1 then 'direct' else 'chain' end as status
    from tree
    union all
    {% if policy == 'latest_wins' %}
    select
        id,
        customer_id,
        depth,
        merged_at,
        case depth when 0 then 'survivor' when 1 then 'direct' else 'chain' end as status
    from opened_tree
    {% else %}
    select
        stuck_edges.old_id as id,
        stuck_edges.old_id as customer_id,
        cast(0 as {{ dbt.type_bigint() }}) as depth,
        stuck_edges.merged_at,
        case when cycle_members.id is not null then 'cycle' else 'leads_to_cycle' end as status
    from stuck_edges
    left join cycle_members
        on stuck_edges.old_id = cycle_members.id
    {% endif %}
)

select
    id,
    customer_id,
    depth,
    status,
    merged_at
from resolved
