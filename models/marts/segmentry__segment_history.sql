{{ config(alias='segment_history', materialized='incremental', incremental_strategy='delete+insert', unique_key='run_id', full_refresh=false, on_schema_change='append_new_columns') }}

select
    cast(run.run_id as {{ dbt.type_string() }}) as run_id,
    cast(run.as_of as {{ dbt.type_timestamp() }}) as as_of,
    cast(run.recorded_at as {{ dbt.type_timestamp() }}) as recorded_at,
    cast(segments.segment_id as {{ dbt.type_string() }}) as segment_id,
    cast(segments.segment_name as {{ dbt.type_string() }}) as segment_name,
    cast(segments.customer_count as {{ dbt.type_bigint() }}) as customer_count,
    cast(segments.customer_share as {{ segmentry.type_double() }}) as customer_share,
    cast(segments.total_clv as {{ segmentry.type_money() }}) as total_clv,
    cast(segments.overall_robustness as {{ segmentry.type_double() }}) as overall_robustness,
    cast(segments.matched_by as {{ dbt.type_string() }}) as matched_by,
    cast(segments.match_score as {{ segmentry.type_double() }}) as match_score,
    cast(segments.split_from as {{ dbt.type_string() }}) as split_from,
    cast(segments.merged_from as {{ dbt.type_string() }}) as merged_from
from {{ ref('int_segmentry__segments_summarised') }} as segments
cross join {{ ref('int_segmentry__run') }} as run
