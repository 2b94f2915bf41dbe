-- Who was one customer at the end of each window that ends before today: later merges are left out first.
{{ config(post_hook="{{ segmentry.drop_round_tables() }}") }}

{% set edges %}
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
{% endset %}

with resolved as (
    {{ segmentry.resolve_merges(edges, keys=['window_id']) }}
),

merge_map as (
    {{ segmentry.merge_map('resolved', keys=['window_id']) }}
)

select
    window_id,
    id,
    customer_id
from merge_map
