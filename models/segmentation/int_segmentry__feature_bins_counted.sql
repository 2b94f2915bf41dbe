-- Today's bins of each feature, for the next run to compare with: tenths of the sampled customers, fewer where many share a value.
{% set features = var('segmentry_features') | map(attribute='name') | list %}
with edges as (
    {% for feature in features %}
    {% set last_feature = loop.last %}
    {% for tenth in range(1, 10) %}
    select
        '{{ feature }}' as feature,
        {{ segmentry.percentile(feature, tenth / 10) }} as upper_bound
    from {{ ref('int_segmentry__window_features_sampled') }}
    {{ 'union all' if not (last_feature and loop.last) }}
    {% endfor %}
    {% endfor %}
),

distinct_edges as (
    select distinct
        feature,
        round(upper_bound, 9) as upper_bound
    from edges
    where upper_bound is not null
),

bins as (
    select
        feature,
        upper_bound
    from distinct_edges
    union all
    select distinct
        feature,
        cast(null as {{ segmentry.type_double() }}) as upper_bound
    from distinct_edges
),

numbered_bins as (
    select
        feature,
        cast(row_number() over (partition by feature order by case when upper_bound is null then 1 else 0 end, upper_bound) as {{ dbt.type_int() }}) as bin,
        lag(upper_bound) over (partition by feature order by case when upper_bound is null then 1 else 0 end, upper_bound) as lower_bound,
        upper_bound
    from bins
)

{{ segmentry.count_bins('numbered_bins') }}
