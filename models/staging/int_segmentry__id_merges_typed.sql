-- depends_on: {{ ref('int_segmentry__erased_ids') }}
-- Raw text is kept for rejected rows alone.
{% set raw_columns = ['old_id', 'new_id', 'merged_at', 'ingested_at', 'source', 'operation'] %}

with typed_merges as (
    {{ segmentry.typed_merges(
        segmentry.without_erased(ref('stg_segmentry__id_merges'), ids=['old_id', 'new_id'], blank=raw_columns)
    ) | indent(4) }}
)

select
    typed_merges.old_id,
    typed_merges.new_id,
    typed_merges.merged_at,
    typed_merges.ingested_at,
    typed_merges.source,
    typed_merges.operation,
    typed_merges.merge_hash,
    typed_merges.reject_reason,
    case when typed_merges.reject_reason is not null then typed_merges.raw_old_id end as raw_old_id,
    case when typed_merges.reject_reason is not null then typed_merges.raw_new_id end as raw_new_id,
    case when typed_merges.reject_reason is not null then typed_merges.raw_merged_at end as raw_merged_at,
    case when typed_merges.reject_reason is not null then typed_merges.raw_operation end as raw_operation
from typed_merges
