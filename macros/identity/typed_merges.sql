{# A merge history with the columns of `stg_segmentry__id_merges` and is_erased, typed and judged row by row, with the raw text of every row. #}
{% macro typed_merges(history) -%}
    {%- set raw_columns = ['old_id', 'new_id', 'merged_at', 'ingested_at', 'source', 'operation'] -%}
    with merges_parsed as (
        select
            {{ segmentry.normalize_id('id_merges.old_id') }} as old_id,
            {{ segmentry.normalize_id('id_merges.new_id') }} as new_id,
            {{ segmentry.to_utc('id_merges.merged_at') }} as merged_at,
            {{ segmentry.to_utc('id_merges.ingested_at') }} as ingested_at,
            nullif(trim(cast(id_merges.source as {{ dbt.type_string() }})), '') as source,
            coalesce(nullif(lower(trim(cast(id_merges.operation as {{ dbt.type_string() }}))), ''), 'merge') as operation,
            {{ segmentry.row_hash(raw_columns) }} as merge_hash,
            id_merges.is_erased,
            cast(id_merges.old_id as {{ dbt.type_string() }}) as raw_old_id,
            cast(id_merges.new_id as {{ dbt.type_string() }}) as raw_new_id,
            cast(id_merges.merged_at as {{ dbt.type_string() }}) as raw_merged_at,
            cast(id_merges.operation as {{ dbt.type_string() }}) as raw_operation
        from {{ history }} as id_merges
        {{ segmentry.evaluated_once() }}
    ),

    merges_judged as (
        select
            merges_parsed.*,
            case
                when merges_parsed.is_erased then 'erased'
                when merges_parsed.old_id is null then 'empty_old_id'
                when merges_parsed.new_id is null then 'empty_new_id'
                when
                    {{ segmentry.is_placeholder_id('merges_parsed.old_id') }} or {{ segmentry.is_placeholder_id('merges_parsed.new_id') }}
                    then 'placeholder_id'
                when merges_parsed.merged_at is null then 'missing_merged_at'
                when merges_parsed.operation not in ('merge', 'unmerge') then 'unknown_operation'
                when merges_parsed.old_id = merges_parsed.new_id then 'self_merge'
                when merges_parsed.merged_at > {{ segmentry.latest_plausible_time() }} then 'future_merged_at'
            end as reject_reason
        from merges_parsed
    )

    select merges_judged.*
    from merges_judged
{%- endmacro %}
