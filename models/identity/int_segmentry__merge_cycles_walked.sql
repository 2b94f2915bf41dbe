{{ config(post_hook="{{ segmentry.drop_round_tables() }}") }}

{{ segmentry.walk_merge_cycles(segmentry.deciding_merges(ref('int_segmentry__merge_edges_ranked')), ref('int_segmentry__merge_trees_walked')) }}
