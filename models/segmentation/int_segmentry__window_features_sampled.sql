-- Today's features of the sampled customers: what the windows are compared with.
-- noqa: disable=LT02
select
    features.customer_id,
    {% for feature in var('segmentry_features') %}
    features.{{ feature.name }}{{ ',' if not loop.last }}
    {% endfor %}
from {{ ref('int_segmentry__features_transformed') }} as features
inner join {{ ref('int_segmentry__window_customers_sampled') }} as sampled
    on features.customer_id = sampled.customer_id
