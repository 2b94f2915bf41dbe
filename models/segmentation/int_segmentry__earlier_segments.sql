-- depends_on: {{ ref('int_segmentry__earlier_members') }}
-- Names that segments had in the previous run, and every id that was ever used: a retired id never comes back.
{% set earlier = segmentry.earlier_relation('segmentry__segment_history') %}
{% if earlier %}
with previous_run as (
    select max(run_id) as run_id
    from {{ ref('int_segmentry__earlier_members') }}
),

other_runs as (
    select segment_history.*
    from {{ earlier }} as segment_history
    inner join {{ ref('int_segmentry__run') }} as run
        on segment_history.run_id <> run.run_id
)

select
    other_runs.segment_id,
    cast(substr(other_runs.segment_id, 2) as {{ dbt.type_int() }}) as segment_number,
    max(case when other_runs.run_id = previous_run.run_id then other_runs.segment_name end) as segment_name,
    max(case when other_runs.run_id = previous_run.run_id then other_runs.customer_count end) as customer_count
from other_runs
cross join previous_run
group by other_runs.segment_id
{% else %}
select
    run.run_id as segment_id,
    cast(0 as {{ dbt.type_int() }}) as segment_number,
    run.run_id as segment_name,
    cast(0 as {{ dbt.type_bigint() }}) as customer_count
from {{ ref('int_segmentry__run') }} as run
where false
{% endif %}
