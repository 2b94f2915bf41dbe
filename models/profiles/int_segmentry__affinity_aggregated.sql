with
{% for level in [1, 2, 3] %}
level_{{ level }}_counts as (
    select
        customer_id,
        category as value,
        weight
    from {{ ref('int_segmentry__affinity_counted') }}
    where category_level = {{ level }}
),

level_{{ level }} as (
    {{ segmentry.preference('level_' ~ level ~ '_counts') }}
){{ ',' if not loop.last }}

{% endfor %}
select
    level_1.customer_id,
    level_1.top_value as top_category,
    level_1.top_share as top_category_share,
    level_1.entropy as category_diversity,
    level_1.distinct_count as category_count,
    level_2.top_value as top_category_level_2,
    level_2.top_share as top_category_level_2_share,
    level_2.entropy as category_level_2_diversity,
    level_3.top_value as top_category_level_3,
    level_3.top_share as top_category_level_3_share,
    level_3.entropy as category_level_3_diversity
from level_1
left join level_2
    on level_1.customer_id = level_2.customer_id
left join level_3
    on level_1.customer_id = level_3.customer_id
