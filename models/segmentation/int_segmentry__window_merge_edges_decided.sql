-- The merges that count at the end of each window that ends before today: later ones are left out first. A table, since PostgreSQL takes what it can't
-- estimate for a row or two and would compare every merge with every other when they are walked.
with lagged_windows as (
    select
        window_id,
        cutoff_at
    from {{ ref('int_segmentry__windows_listed') }}
    where lag_days > 0
),

ranked_edges as (
    {{ segmentry.merge_edges(ref('int_segmentry__id_merges_typed'), keys=['window_id'], cutoffs='lagged_windows') }}
)

select
    window_id,
    old_id,
    new_id,
    merged_at
from ranked_edges
where conflict_rank = 1
