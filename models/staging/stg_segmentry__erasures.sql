{{ config(materialized="view", pre_hook="{{ segmentry.require_columns('stg_segmentry__erasures') }}") }}

{% if var('segmentry_erasures') %}
select distinct {{ segmentry.normalize_id('customer_id') }} as id
from {{ var('segmentry_erasures') }}
{% else %}
select cast(null as {{ dbt.type_string() }}) as id
from (select 1 as one) as nothing
where 1 = 0
{% endif %}
