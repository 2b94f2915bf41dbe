{{ config(materialized="view") }}

{% if var('segmentry_consents') %}
select
    {{ segmentry.normalize_id('customer_id') }} as id,
    coalesce(nullif(lower(trim(cast(channel as {{ dbt.type_string() }}))), ''), '*') as channel,
    coalesce(cast(is_contactable as {{ dbt.type_boolean() }}), false) as is_contactable
from {{ var('segmentry_consents') }}
{% else %}
select
    cast(null as {{ dbt.type_string() }}) as id,
    cast(null as {{ dbt.type_string() }}) as channel,
    cast(null as {{ dbt.type_boolean() }}) as is_contactable
from (select 1 as one) as nothing
where 1 = 0
{% endif %}
