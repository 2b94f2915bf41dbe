select
    end_id as customer_id,
    cast(count(*) as {{ dbt.type_bigint() }}) as id_count,
    cast(max(depth) as {{ dbt.type_bigint() }}) as max_depth,
    min(merged_at) as first_merged_at,
    max(merged_at) as last_merged_at
from {{ ref('int_segmentry__merges_resolved') }}
where {{ segmentry.counts_as_one_customer() }}
group by end_id
