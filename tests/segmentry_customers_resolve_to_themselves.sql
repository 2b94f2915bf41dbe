-- What an id resolves to is a customer: it resolves no further.
select
    merge_map.id,
    merge_map.customer_id,
    customers.customer_id as resolves_further_to
from {{ ref('int_segmentry__merge_map_resolved') }} as merge_map
inner join {{ ref('int_segmentry__merge_map_resolved') }} as customers
    on merge_map.customer_id = customers.id
where customers.customer_id <> merge_map.customer_id
