-- noqa: disable=LT02
{% set levels = {1: 'category', 2: 'category_level_2', 3: 'category_level_3'} %}
with customer_levels as (
    select
        customer_id,
        {% for level in levels %}
        {{ segmentry.heaviest_value('case when category_level = ' ~ level ~ ' then category end', 'weight') }} as top_value_{{ level }},
        max(case when category_level = {{ level }} then weight end) as top_weight_{{ level }},
        sum(case when category_level = {{ level }} then weight end) as total_weight_{{ level }},
        count(case when category_level = {{ level }} then 1 end) as distinct_count_{{ level }},
        {{ segmentry.weighted_logs('case when category_level = ' ~ level ~ ' then weight end') }} as weighted_logs_{{ level }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_segmentry__affinity_counted') }}
    group by customer_id
)

select
    customer_id,
    {% for level, name in levels.items() %}
    top_value_{{ level }} as top_{{ name }},
    total_weight_{{ level }},
    cast(top_weight_{{ level }} as {{ segmentry.type_double() }}) / total_weight_{{ level }} as top_{{ name }}_share,
    {{ segmentry.evenness('total_weight_' ~ level, 'weighted_logs_' ~ level, 'distinct_count_' ~ level) }} as {{ name }}_diversity,
    {% endfor %}
    distinct_count_1 as category_count
from customer_levels
