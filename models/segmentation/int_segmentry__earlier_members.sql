-- depends_on: {{ ref('int_segmentry__merge_map_resolved') }}
-- Members of the previous run under the ids that their customers have today. The previous run is the newest one that is not this run (the same run
-- again compares with the same past) and did not fail.
{% set earlier = segmentry.earlier_relation('segmentry__segment_member_history') %}
{% set failed_run_ids = segmentry.failed_run_ids() %}
{% if earlier %}
with earlier_runs as (
    select
        member_history.run_id,
        max(member_history.recorded_at) as recorded_at
    from {{ earlier }} as member_history
    inner join {{ ref('int_segmentry__run') }} as run
        on member_history.run_id <> run.run_id
    {% if failed_run_ids -%}
    where member_history.run_id not in {{ failed_run_ids }}
    {% endif -%}
    group by member_history.run_id
),

previous_run as (
    select run_id
    from earlier_runs
    order by recorded_at desc, run_id asc
    limit 1
),

translated as (
    select
        member_history.run_id,
        coalesce(merge_map.customer_id, member_history.customer_id) as customer_id,
        member_history.segment_id,
        member_history.is_boundary,
        member_history.segment_since,
        row_number() over (
            partition by coalesce(merge_map.customer_id, member_history.customer_id)
            order by
                case when coalesce(merge_map.customer_id, member_history.customer_id) = member_history.customer_id then 0 else 1 end,
                member_history.customer_id
        ) as place
    from {{ earlier }} as member_history
    inner join previous_run
        on member_history.run_id = previous_run.run_id
    left join {{ ref('int_segmentry__merge_map_resolved') }} as merge_map
        on member_history.customer_id = merge_map.id
)

select
    run_id,
    customer_id,
    segment_id,
    is_boundary,
    segment_since
from translated
where place = 1
{% else %}
select
    run.run_id,
    cast(null as {{ dbt.type_string() }}) as customer_id,
    cast(null as {{ dbt.type_string() }}) as segment_id,
    cast(null as boolean) as is_boundary,
    cast(null as date) as segment_since
from {{ ref('int_segmentry__run') }} as run
where false
{% endif %}
