{{ config(alias='id_merge_rejects') }}
{% set as_of = "cast('" ~ var('segmentry_merge_as_of') ~ "' as " ~ dbt.type_timestamp() ~ ")" if var('segmentry_merge_as_of') else none %}

-- Unmerges of a pair that was never merged, and merges that are left out on purpose, are found only once all merges are known.
with history as (
    select
        old_id,
        new_id,
        cast(merged_at as {{ dbt.type_string() }}) as merged_at,
        source,
        operation,
        raw_old_id,
        raw_new_id,
        raw_merged_at,
        raw_operation,
        reject_reason,
        {{ 'merged_at >= ' ~ as_of if as_of else '1 = 0' }} as is_later
    from {{ ref('int_segmentry__id_merges_typed') }}
),

merged_pairs as (
    select distinct
        old_id,
        new_id
    from history
    where reject_reason is null and operation = 'merge' and not is_later
),

unmerges as (
    select
        old_id,
        new_id,
        merged_at,
        source,
        operation
    from history
    where reject_reason is null and operation = 'unmerge' and not is_later
),

reasoned as (
    select
        raw_old_id as old_id,
        raw_new_id as new_id,
        raw_merged_at as merged_at,
        source,
        raw_operation as operation,
        reject_reason as reason
    from history
    where reject_reason is not null
    union all
    select
        old_id,
        new_id,
        merged_at,
        source,
        operation,
        'after_as_of' as reason
    from history
    where reject_reason is null and is_later
    union all
    select
        unmerges.old_id,
        unmerges.new_id,
        unmerges.merged_at,
        unmerges.source,
        unmerges.operation,
        'unmerge_without_merge' as reason
    from unmerges
    left join merged_pairs
        on unmerges.old_id = merged_pairs.old_id and unmerges.new_id = merged_pairs.new_id
    where merged_pairs.old_id is null
)

select
    cast(old_id as {{ dbt.type_string() }}) as old_id,
    cast(new_id as {{ dbt.type_string() }}) as new_id,
    cast(merged_at as {{ dbt.type_string() }}) as merged_at,
    cast(source as {{ dbt.type_string() }}) as source,
    cast(operation as {{ dbt.type_string() }}) as operation,
    cast(reason as {{ dbt.type_string() }}) as reason
from reasoned
