{{ config(alias='id_merge_statistics') }}

with history_counts as (
    select count(*) as row_count
    from {{ ref('int_segmentry__id_merges_typed') }}
),

reject_counts as (
    select count(*) as reject_count
    from {{ ref('segmentry__id_merge_rejects') }}
),

edge_counts as (
    select
        coalesce(sum(case when conflict_rank = 1 then 1 else 0 end), 0) as merge_count,
        coalesce(sum(case when conflict_rank > 1 then 1 else 0 end), 0) as conflict_count,
        coalesce(sum(seen_count - 1), 0) as duplicate_count
    from {{ ref('int_segmentry__merge_edges_ranked') }}
),

map_counts as (
    select
        count(*) as id_count,
        coalesce(sum(case when id = customer_id then 1 else 0 end), 0) as customer_count,
        coalesce(sum(case when id <> customer_id then 1 else 0 end), 0) as merged_id_count,
        sum(depth) as depth_sum,
        coalesce(max(depth), 0) as max_depth,
        coalesce(sum(case when status = 'cycle' then 1 else 0 end), 0) as cycle_id_count,
        coalesce(sum(case when status = 'leads_to_cycle' then 1 else 0 end), 0) as leads_to_cycle_count,
        coalesce(sum(case when status = 'too_deep' then 1 else 0 end), 0) as too_deep_count,
        coalesce(sum(case when status = 'oversized' then 1 else 0 end), 0) as oversized_id_count
    from {{ ref('int_segmentry__merge_map_resolved') }}
),

cycle_counts as (
    select coalesce(sum(case when cycle_position = 1 then 1 else 0 end), 0) as cycle_count
    from {{ ref('int_segmentry__merges_resolved') }}
),

cluster_counts as (
    select coalesce(max(id_count), 0) as largest_cluster_size
    from {{ ref('int_segmentry__merge_clusters_sized') }}
)


select
    cast(run.run_id as {{ dbt.type_string() }}) as run_id,
    cast(history_counts.row_count as {{ dbt.type_bigint() }}) as row_count,
    cast(reject_counts.reject_count as {{ dbt.type_bigint() }}) as reject_count,
    cast(edge_counts.merge_count as {{ dbt.type_bigint() }}) as merge_count,
    cast(edge_counts.duplicate_count as {{ dbt.type_bigint() }}) as duplicate_count,
    cast(edge_counts.conflict_count as {{ dbt.type_bigint() }}) as conflict_count,
    cast(map_counts.id_count as {{ dbt.type_bigint() }}) as id_count,
    cast(map_counts.customer_count as {{ dbt.type_bigint() }}) as customer_count,
    cast(map_counts.merged_id_count as {{ dbt.type_bigint() }}) as merged_id_count,
    cast(round(cast(map_counts.depth_sum as {{ segmentry.type_double() }}) / nullif(map_counts.merged_id_count, 0), 9) as {{ segmentry.type_double() }}) as mean_depth,
    cast(map_counts.max_depth as {{ dbt.type_bigint() }}) as max_depth,
    cast(cluster_counts.largest_cluster_size as {{ dbt.type_bigint() }}) as largest_cluster_size,
    cast(cycle_counts.cycle_count as {{ dbt.type_bigint() }}) as cycle_count,
    cast(map_counts.cycle_id_count as {{ dbt.type_bigint() }}) as cycle_id_count,
    cast(map_counts.leads_to_cycle_count as {{ dbt.type_bigint() }}) as leads_to_cycle_count,
    cast(map_counts.too_deep_count as {{ dbt.type_bigint() }}) as too_deep_count,
    cast(map_counts.oversized_id_count as {{ dbt.type_bigint() }}) as oversized_id_count
from {{ ref('int_segmentry__run') }} as run
cross join history_counts
cross join reject_counts
cross join edge_counts
cross join map_counts
cross join cycle_counts
cross join cluster_counts
