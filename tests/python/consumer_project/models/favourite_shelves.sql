select
    category,
    count(*) as customers,
    sum(purchase_count) as items_bought
from {{ ref('segmentry', 'segmentry__customer_category_affinity') }}
where category_level = 1
group by category
