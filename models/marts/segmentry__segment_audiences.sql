{{ config(alias='segment_audiences') }}

select
    cast(audiences.customer_id as {{ dbt.type_string() }}) as customer_id,
    cast(audiences.segment_id as {{ dbt.type_string() }}) as segment_id,
    cast(audiences.segment_name as {{ dbt.type_string() }}) as segment_name,
    cast(audiences.action as {{ dbt.type_string() }}) as action,
    cast(audiences.channel as {{ dbt.type_string() }}) as channel,
    cast(audiences.best_weekday as {{ dbt.type_int() }}) as best_weekday,
    cast(audiences.best_hour as {{ dbt.type_int() }}) as best_hour,
    cast(audiences.is_holdout as boolean) as is_holdout,
    cast(run.run_id as {{ dbt.type_string() }}) as run_id
from {{ ref('int_segmentry__audiences_selected') }} as audiences
cross join {{ ref('int_segmentry__run') }} as run
