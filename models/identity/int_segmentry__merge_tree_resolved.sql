{{ config(pre_hook="{{ segmentry.stop_on_conflicts() }}") }}

with edges as (
    select
        old_id,
        new_id,
        merged_at
    from {{ ref('int_segmentry__merge_edges_ranked') }}
    where conflict_rank = 1
),

resolved_tree as (
    {{ segmentry.merge_tree('edges') }}
)

select
    id,
    customer_id,
    depth,
    merged_at
from resolved_tree
