{{ config(alias='id_merge_rejects') }}
{% set as_of = "cast('" ~ var('segmentry_merge_as_of') ~ "' as " ~ dbt.type_timestamp() ~ ")" if var('segmentry_merge_as_of') else none %}

-- Statements about a pair that was never merged, and merges that are left out on purpose, are found only once all merges are known.
with judged as (
    select
        history.*,
        sum(case when history.reject_reason is null and history.operation = 'merge'{{ ' and history.merged_at < ' ~ as_of if as_of }} then 1 else 0 end)
            over (partition by history.old_id, history.new_id) as merge_count
    from {{ ref('int_segmentry__id_merges_typed') }} as history
),

reasoned as (
    select
        raw_old_id,
        raw_new_id,
        raw_merged_at,
        source,
        raw_operation,
        case
            when reject_reason is not null then reject_reason
            {{ "when merged_at >= " ~ as_of ~ " then 'after_as_of'" if as_of }}
            when operation = 'unmerge' and merge_count = 0 then 'unmerge_without_merge'
        end as reason
    from judged
)

select
    cast(raw_old_id as {{ dbt.type_string() }}) as old_id,
    cast(raw_new_id as {{ dbt.type_string() }}) as new_id,
    cast(raw_merged_at as {{ dbt.type_string() }}) as merged_at,
    cast(source as {{ dbt.type_string() }}) as source,
    cast(raw_operation as {{ dbt.type_string() }}) as operation,
    cast(reason as {{ dbt.type_string() }}) as reason
from reasoned
where reason is not null
