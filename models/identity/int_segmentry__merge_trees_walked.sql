{{ config(
    pre_hook="{{ segmentry.stop_on_conflicts() }}",
    post_hook="{{ segmentry.drop_round_tables() }}"
) }}

{{ segmentry.walk_merge_trees(segmentry.deciding_merges(ref('int_segmentry__merge_edges_ranked'))) }}
