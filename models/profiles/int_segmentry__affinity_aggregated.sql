-- noqa: disable=LT02
{% set levels = {1: 'category', 2: 'category_level_2', 3: 'category_level_3'} %}
-- Paths are numbered in the order of their names: of those that tie the first by name is the heaviest.
with customer_levels as (
    select
        customer_id,
        {% for level in levels %}
        {{ segmentry.heaviest_number('path_number', 'case when category_level = ' ~ level ~ ' then weight end') }} as heaviest_path_{{ level }},
        max(case when category_level = {{ level }} then weight end) as top_weight_{{ level }},
        sum(case when category_level = {{ level }} then weight end) as total_weight_{{ level }},
        count(case when category_level = {{ level }} then 1 end) as distinct_count_{{ level }},
        {{ segmentry.weighted_logs('case when category_level = ' ~ level ~ ' then weight end') }} as weighted_logs_{{ level }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_segmentry__affinity_counted') }}
    group by customer_id
),

paths as (
    select distinct
        path_number,
        category_path
    from {{ ref('int_segmentry__category_paths_split') }}
)

select
    customer_levels.customer_id,
    {% for level, name in levels.items() %}
    paths_{{ level }}.category_path as top_{{ name }},
    customer_levels.total_weight_{{ level }},
    cast(customer_levels.top_weight_{{ level }} as {{ segmentry.type_double() }}) / customer_levels.total_weight_{{ level }} as top_{{ name }}_share,
    {{ segmentry.evenness(
        'customer_levels.total_weight_' ~ level, 'customer_levels.weighted_logs_' ~ level, 'customer_levels.distinct_count_' ~ level
    ) }} as {{ name }}_diversity,
    {% endfor %}
    customer_levels.distinct_count_1 as category_count
from customer_levels
{% for level in levels %}
left join paths as paths_{{ level }}
    on customer_levels.heaviest_path_{{ level }} = paths_{{ level }}.path_number
{% endfor %}
