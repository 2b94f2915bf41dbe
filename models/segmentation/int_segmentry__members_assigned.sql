-- The nearest centroid of every customer, ties to the lowest cluster. The few centroids are laid out as columns of one row, so that the
-- distances of a customer are plain arithmetic: one pass, no join that multiplies rows, no sort.
{% set features = var('segmentry_features') | map(attribute='name') | list %}
{# What is no number is an error of the configuration, which is said before any model is built. #}
{% set clusters = range(1, [1, var('segmentry_k_max'), var('segmentry_k')] | select('integer') | max + 1) | list %}
{% set far = '1e300' %}

-- noqa: disable=LT02
with centroid_columns as (
    select
        {% for feature in features %}
        max(case when feature = '{{ feature }}' and not is_dropped then mean end) as {{ feature }}_mean,
        max(case when feature = '{{ feature }}' and not is_dropped then scale end) as {{ feature }}_scale,
        {% for cluster in clusters %}
        coalesce(max(case when feature = '{{ feature }}' and not is_dropped and cluster = {{ cluster }} then centroid end), 0) as {{ feature }}_{{ cluster }},
        {% endfor %}
        {% endfor %}
        {% for cluster in clusters %}
        max(case when cluster = {{ cluster }} then 1 end) as exists_{{ cluster }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_segmentry__centroids_fitted') }}
    {# Without a model nobody is assigned. #}
    having count(*) > 0
),

-- A feature that was dropped is at 0, as are the centroids.
standardised as (
    select
        features.customer_id,
        {% for feature in features %}
        coalesce((features.{{ feature }} - centroid_columns.{{ feature }}_mean) / centroid_columns.{{ feature }}_scale, 0) as {{ feature }},
        {% endfor %}
        {% for feature in features %}{% for cluster in clusters %}
        centroid_columns.{{ feature }}_{{ cluster }},
        {% endfor %}{% endfor %}
        {% for cluster in clusters %}
        centroid_columns.exists_{{ cluster }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_segmentry__features_transformed') }} as features
    cross join centroid_columns
    {{ segmentry.evaluated_once() }}
),

distances as (
    select
        customer_id,
        {% for cluster in clusters %}
        case
            when exists_{{ cluster }} = 1
                then round(sqrt(
                    {% for feature in features %}
                    ({{ feature }} - {{ feature }}_{{ cluster }}) * ({{ feature }} - {{ feature }}_{{ cluster }}){{ ' +' if not loop.last }}
                    {% endfor %}
                ), 10)
            else {{ far }}
        end as distance_{{ cluster }}{{ ',' if not loop.last }}
        {% endfor %}
    from standardised
    {{ segmentry.evaluated_once() }}
),

nearest as (
    select
        distances.*,
        {{ segmentry.least_of(clusters, 'distance_') }} as least_distance
    from distances
    {{ segmentry.evaluated_once() }}
),

assigned as (
    select
        nearest.*,
        case
            {% for cluster in clusters %}
            when distance_{{ cluster }} = least_distance then {{ cluster }}
            {% endfor %}
        end as cluster
    from nearest
    {{ segmentry.evaluated_once() }}
),

runners_up as (
    select
        customer_id,
        cluster,
        least_distance as distance,
        {% if clusters | length == 1 %}
        cast(null as {{ segmentry.type_double() }}) as second_distance
        {% else %}
        nullif(least(
            {% for cluster in clusters %}
            case when cluster = {{ cluster }} then {{ far }} else distance_{{ cluster }} end{{ ',' if not loop.last }}
            {% endfor %}
        ), {{ far }}) as second_distance
        {% endif %}
    from assigned
    {{ segmentry.evaluated_once() }}
),

scored as (
    select
        runners_up.*,
        case
            when second_distance is null then 1
            when second_distance = 0 then 0
            else 1 - distance / second_distance
        end as membership_score
    from runners_up
)

select
    customer_id,
    cast(cluster as {{ dbt.type_int() }}) as cluster,
    distance,
    second_distance,
    round(second_distance - distance, 10) as margin,
    round(membership_score, 10) as membership_score,
    round(membership_score, 10) < {{ var('segmentry_boundary_threshold') }} as is_boundary
from scored
