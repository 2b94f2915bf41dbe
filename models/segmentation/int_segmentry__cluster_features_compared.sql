-- Typical values in real units, of the customers of whom they are known (of all, as imputed, where of none). Means come from exact decimal sums, so that they do not differ from run to run.
{% set features = var('segmentry_features') %}
-- noqa: disable=LT02
with member_features as (
    select
        members.cluster,
        {% for feature in features %}features.{{ feature.name }},
        features.{{ feature.name }}_observed{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_segmentry__members_assigned') }} as members
    inner join {{ ref('int_segmentry__features_measured') }} as features
        on members.customer_id = features.customer_id
),

cluster_values as (
    {% for feature in features %}
    select
        cluster,
        '{{ feature.name }}' as feature,
        {{ loop.index }} as feature_number,
        coalesce({{ segmentry.exact_mean(feature.name ~ '_observed') }}, {{ segmentry.exact_mean(feature.name) }}) as mean,
        coalesce(
            {{ segmentry.percentile(feature.name ~ '_observed', 0.5) }}, {{ segmentry.percentile(feature.name, 0.5) }}
        ) as median
    from member_features
    group by cluster
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

population_values as (
    {% for feature in features %}
    select
        '{{ feature.name }}' as feature,
        '{{ feature.block }}' as block,
        '{{ feature.unit }}' as unit,
        coalesce({{ segmentry.exact_mean(feature.name ~ '_observed') }}, {{ segmentry.exact_mean(feature.name) }}) as population_mean,
        coalesce(
            {{ segmentry.percentile(feature.name ~ '_observed', 0.5) }}, {{ segmentry.percentile(feature.name, 0.5) }}
        ) as population_median
    from member_features
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

compared as (
    select
        cluster_values.cluster,
        cluster_values.feature,
        cluster_values.feature_number,
        population_values.block,
        population_values.unit,
        coalesce(centroids.is_dropped, true) as is_dropped,
        round(cluster_values.mean, 6) as mean,
        round(cluster_values.median, 6) as median,
        round(population_values.population_mean, 6) as population_mean,
        round(population_values.population_median, 6) as population_median,
        round(coalesce(case when not centroids.is_dropped then centroids.centroid end, 0), 6) as z_score,
        round(cluster_values.mean / nullif(population_values.population_mean, 0), 6) as lift
    from cluster_values
    inner join population_values
        on cluster_values.feature = population_values.feature
    left join {{ ref('int_segmentry__centroids_fitted') }} as centroids
        on cluster_values.cluster = centroids.cluster and cluster_values.feature = centroids.feature
)

select
    cluster,
    feature,
    feature_number,
    block,
    unit,
    is_dropped,
    mean,
    median,
    population_mean,
    population_median,
    z_score,
    lift,
    case
        when z_score <= -1 then 'much lower'
        when z_score <= -0.5 then 'lower'
        when z_score < 0.5 then 'average'
        when z_score < 1 then 'higher'
        else 'much higher'
    end as label,
    abs(z_score) >= 0.5 as is_distinctive
from compared
