{{ config(materialized='view') }}

{{ segmentry.unite_merges(ref('int_segmentry__merge_trees_walked'), ref('int_segmentry__merge_cycles_walked')) }}
