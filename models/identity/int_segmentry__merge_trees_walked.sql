{{ config(
    pre_hook="{{ segmentry.stop_on_conflicts() }}",
    post_hook="{{ segmentry.drop_round_tables() }}"
) }}

{% set edges %}
        select
            old_id,
            new_id,
            merged_at
        from {{ ref('int_segmentry__merge_edges_ranked') }}
        where conflict_rank = 1
{% endset %}
{{ segmentry.walk_merge_trees(edges) }}
