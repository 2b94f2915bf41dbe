-- Who was one customer at the end of each window that ends before today.
{{ config(post_hook="{{ segmentry.drop_round_tables() }}") }}

{% set edges %}
    select
        window_id,
        old_id,
        new_id,
        merged_at
    from {{ ref('int_segmentry__window_merge_edges_decided') }}
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
