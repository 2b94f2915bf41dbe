{# Shares of the sampled customers in bins of the features (`bins`: feature, bin, lower_bound, upper_bound; above the lower, up to the upper
   bound). Bins without a customer have a share of 0. #}
{% macro count_bins(bins) -%}
    select
        bins.feature,
        bins.bin,
        bins.lower_bound,
        bins.upper_bound,
        round(cast(count(sampled.feature_value) as {{ segmentry.type_double() }}) / max(sizes.customer_count), 9) as customer_share
    from {{ bins }} as bins
    cross join (select count(*) as customer_count from {{ ref('int_segmentry__window_features_sampled') }}) as sizes
    left join (
        {% for feature in var('segmentry_features') %}
        select
            '{{ feature.name }}' as feature,
            {{ feature.name }} as feature_value
        from {{ ref('int_segmentry__window_features_sampled') }}
        {{ 'union all' if not loop.last }}
        {% endfor %}
    ) as sampled
        on
            bins.feature = sampled.feature
            and (bins.lower_bound is null or sampled.feature_value > bins.lower_bound)
            and (bins.upper_bound is null or sampled.feature_value <= bins.upper_bound)
    where sizes.customer_count > 0
    group by bins.feature, bins.bin, bins.lower_bound, bins.upper_bound
{%- endmacro %}
