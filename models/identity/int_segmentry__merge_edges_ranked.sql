{{ segmentry.merge_edges(ref('int_segmentry__id_merges_typed')) }}
