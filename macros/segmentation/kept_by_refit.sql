{# What a refit has left behind in a history, for a run that only assigns; none in a refit, which makes its own. #}
{% macro kept_by_refit(history) -%}
    {{ return(segmentry.earlier_relation(history) if var('segmentry_mode') == 'assign' else none) }}
{%- endmacro %}

{# The newest refit that found segments and did not fail. #}
{% macro newest_refit(centroid_history) -%}
    {%- set failed_run_ids = segmentry.failed_run_ids() -%}
    select
        run_id,
        as_of,
        recorded_at,
        max(far_distance) as far_distance
    from {{ centroid_history }}
    {%- if failed_run_ids %}
    where run_id not in {{ failed_run_ids }}
    {%- endif %}
    group by run_id, as_of, recorded_at
    order by recorded_at desc, run_id asc
    limit 1
{%- endmacro %}

{# How a feature's numbers came about: scaler and centroids mean something only for the same. #}
{% macro feature_definition(feature) -%}
    {{ return(
        'transform ' ~ feature.get('transform', 'none') ~ ', segmentry_share_prior ' ~ var('segmentry_share_prior')
        ~ ', segmentry_rate_prior_days ' ~ var('segmentry_rate_prior_days')
    ) }}
{%- endmacro %}
