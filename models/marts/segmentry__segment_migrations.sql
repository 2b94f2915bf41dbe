{{ config(alias='segment_migrations') }}

with moves as (
    select
        earlier.run_id as from_run_id,
        earlier.segment_id as from_segment_id,
        members.segment_id as to_segment_id,
        count(*) as customer_count,
        sum(case when earlier.is_boundary or members.is_boundary then 1 else 0 end) as boundary_count
    from {{ ref('int_segmentry__earlier_members') }} as earlier
    inner join {{ ref('int_segmentry__members_identified') }} as members
        on earlier.customer_id = members.customer_id
    group by earlier.run_id, earlier.segment_id, members.segment_id
)

select
    cast(moves.from_run_id as {{ dbt.type_string() }}) as from_run_id,
    cast(run.run_id as {{ dbt.type_string() }}) as to_run_id,
    cast(moves.from_segment_id as {{ dbt.type_string() }}) as from_segment_id,
    cast(moves.to_segment_id as {{ dbt.type_string() }}) as to_segment_id,
    cast(concat(earlier_segments.segment_name, ' (before)') as {{ dbt.type_string() }}) as from_label,
    cast(concat(segments.segment_name, ' (now)') as {{ dbt.type_string() }}) as to_label,
    cast(moves.customer_count as {{ dbt.type_bigint() }}) as customer_count,
    cast(round(cast(moves.customer_count as {{ segmentry.type_double() }}) / sum(moves.customer_count) over (partition by moves.from_segment_id), 9) as {{ segmentry.type_double() }}) as customer_share,
    cast(moves.boundary_count as {{ dbt.type_bigint() }}) as boundary_count,
    cast(moves.from_segment_id <> moves.to_segment_id as boolean) as is_move
from moves
inner join {{ ref('int_segmentry__segments_summarised') }} as segments
    on moves.to_segment_id = segments.segment_id
inner join {{ ref('int_segmentry__earlier_segments') }} as earlier_segments
    on moves.from_segment_id = earlier_segments.segment_id
cross join {{ ref('int_segmentry__run') }} as run
