-- How many customers each cluster of today shares with each segment of the previous run.
with previous_sizes as (
    select
        segment_id as previous_segment_id,
        cast(count(*) as {{ dbt.type_bigint() }}) as previous_size
    from {{ ref('int_segmentry__earlier_members') }}
    group by segment_id
),

shared as (
    select
        members.cluster,
        earlier.segment_id as previous_segment_id,
        cast(count(*) as {{ dbt.type_bigint() }}) as shared_customers
    from {{ ref('int_segmentry__members_assigned') }} as members
    inner join {{ ref('int_segmentry__earlier_members') }} as earlier
        on members.customer_id = earlier.customer_id
    group by members.cluster, earlier.segment_id
)

select
    shared.cluster,
    shared.previous_segment_id,
    shared.shared_customers,
    cluster_sizes.current_size,
    previous_sizes.previous_size
from shared
inner join {{ ref('int_segmentry__clusters_sized') }} as cluster_sizes
    on shared.cluster = cluster_sizes.cluster
inner join previous_sizes
    on shared.previous_segment_id = previous_sizes.previous_segment_id
