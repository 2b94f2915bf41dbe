{# Where each id ends, exactly and at any depth. `edges` is a query with the columns of `keys`, old_id, new_id, merged_at, one row per old_id (and
   key): a functional graph. Two algorithms give the same rows (docs/methods/identity.md); segmentry_merge_algorithm chooses, `auto` means what
   suits the engine. No depth limit in either: depth is an output, never a way to stop.
   Grain: `keys` and id, for every id of the edges. Columns: id, next_id and merged_at (its own merge; NULL for survivors), end_id and depth
   (merges to end_id), cycle_id (least id of the cycle that it is in or leads into, else NULL), cycle_length and cycle_position (for members, in
   order along the merges from the least id on). In a cycle end_id is the target of the newest merge. #}
{% macro resolve_merges(edges, keys=[]) -%}
    {%- if var('segmentry_merge_algorithm') == 'recursion' -%}
        {{ segmentry.resolve_merges_by_recursion(edges, keys) }}
    {%- elif var('segmentry_merge_algorithm') == 'rounds' -%}
        {{ segmentry.resolve_merges_by_rounds(edges, keys) }}
    {%- else -%}
        {{ adapter.dispatch('resolve_merges', 'segmentry')(edges, keys) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__resolve_merges(edges, keys) -%}
    {{ segmentry.resolve_merges_by_recursion(edges, keys) }}
{%- endmacro %}
