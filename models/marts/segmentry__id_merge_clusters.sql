{{ config(alias='id_merge_clusters') }}

with ranked as (
    select
        clusters.*,
        row_number() over (order by id_count desc, customer_id asc) as size_rank
    from {{ ref('int_segmentry__merge_clusters_sized') }} as clusters
)

select
    cast(ranked.size_rank as {{ dbt.type_bigint() }}) as size_rank,
    cast(ranked.customer_id as {{ dbt.type_string() }}) as customer_id,
    cast(ranked.id_count as {{ dbt.type_bigint() }}) as id_count,
    cast(ranked.max_depth as {{ dbt.type_bigint() }}) as max_depth,
    cast(ranked.first_merged_at as {{ dbt.type_timestamp() }}) as first_merged_at,
    cast(ranked.last_merged_at as {{ dbt.type_timestamp() }}) as last_merged_at,
    cast(ranked.id_count > {{ var('segmentry_max_cluster_size') }} as boolean) as is_oversized
from ranked
where ranked.size_rank <= 10
