{% if var('segmentry_campaigns') %}
select
    cast(campaign_id as {{ dbt.type_string() }}) as campaign_id,
    trim(cast(segment_id as {{ dbt.type_string() }})) as segment_id,
    cast(started_on as date) as started_on,
    cast(ended_on as date) as ended_on
from {{ var('segmentry_campaigns') }}
{% else %}
select
    cast(null as {{ dbt.type_string() }}) as campaign_id,
    cast(null as {{ dbt.type_string() }}) as segment_id,
    cast(null as date) as started_on,
    cast(null as date) as ended_on
from (select 1 as one) as nothing
where 1 = 0
{% endif %}
