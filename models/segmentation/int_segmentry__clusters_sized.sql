select
    members.cluster,
    cast(count(*) as {{ dbt.type_bigint() }}) as current_size,
    cast(sum(profiles.clv) as {{ segmentry.type_double() }}) as order_value
from {{ ref('int_segmentry__members_assigned') }} as members
inner join {{ ref('int_segmentry__profiles_joined') }} as profiles
    on members.customer_id = profiles.customer_id
group by members.cluster
