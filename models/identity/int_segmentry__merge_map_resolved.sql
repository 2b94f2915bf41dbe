{{ config(pre_hook="{{ segmentry.stop_on_merges() }}") }}

{{ segmentry.merge_map(ref('int_segmentry__merges_resolved')) }}
