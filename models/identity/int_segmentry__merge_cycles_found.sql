-- Each cycle elects its leader: every id that no survivor was found for sends its name along the merges, and an id passes on only names that
-- rank before its own (by hash, so that the expected number of messages is n log n). A name that comes home belongs to the leader of a cycle.
-- `union` (distinct) ends the walk of names from outside that enter a cycle.
with recursive stuck_edges as (
    select
        edges.old_id as id,
        edges.new_id as next_id,
        edges.merged_at,
        md5(edges.old_id) as id_rank
    from {{ ref('int_segmentry__merge_edges_ranked') }} as edges
    left join {{ ref('int_segmentry__merge_tree_resolved') }} as tree
        on edges.old_id = tree.id
    where edges.conflict_rank = 1 and tree.id is null
),

messages as (
    select
        id as sender_id,
        id_rank as sender_rank,
        next_id as receiver_id
    from stuck_edges
    union
    select
        messages.sender_id,
        messages.sender_rank,
        stuck_edges.next_id as receiver_id
    from messages
    inner join stuck_edges
        on messages.receiver_id = stuck_edges.id
    where messages.sender_rank < stuck_edges.id_rank
),

leaders as (
    select sender_id as leader_id
    from messages
    where sender_id = receiver_id
),

walk as (
    select
        leaders.leader_id,
        stuck_edges.id,
        stuck_edges.next_id,
        stuck_edges.merged_at,
        cast(1 as {{ dbt.type_bigint() }}) as step
    from leaders
    inner join stuck_edges
        on leaders.leader_id = stuck_edges.id
    union all
    select
        walk.leader_id,
        stuck_edges.id,
        stuck_edges.next_id,
        stuck_edges.merged_at,
        walk.step + 1 as step
    from walk
    inner join stuck_edges
        on walk.next_id = stuck_edges.id
    where walk.next_id <> walk.leader_id
),

measured as (
    select
        walk.*,
        count(*) over (partition by walk.leader_id) as cycle_length,
        min(walk.id) over (partition by walk.leader_id) as cycle_id
    from walk
),

started_at_least_id as (
    select
        leader_id,
        step as first_step
    from measured
    where id = cycle_id
)

select
    measured.cycle_id,
    measured.cycle_length,
    (measured.step - started_at_least_id.first_step + measured.cycle_length) % measured.cycle_length + 1 as position,
    measured.id,
    measured.next_id,
    measured.merged_at
from measured
inner join started_at_least_id
    on measured.leader_id = started_at_least_id.leader_id
