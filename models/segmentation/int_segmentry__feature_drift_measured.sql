-- depends_on: {{ ref('int_segmentry__earlier_members') }}
-- depends_on: {{ ref('int_segmentry__window_features_sampled') }}
-- depends_on: {{ ref('int_segmentry__model_run') }}
-- How far each feature has moved since the previous run, or since the refit where customers are only assigned: the population stability index over the bins of that run. Shares below one in ten
-- thousand count as that, so that an empty bin does not make it infinite.
{% set earlier = segmentry.earlier_relation('segmentry__feature_history') %}
{% if earlier %}
with previous_run as (
    select max(run_id) as run_id
    from {{ ref('int_segmentry__model_run' if var('segmentry_mode') == 'assign' else 'int_segmentry__earlier_members') }}
),

previous_bins as (
    select
        feature_history.feature,
        feature_history.bin,
        feature_history.lower_bound,
        feature_history.upper_bound,
        feature_history.customer_share,
        feature_history.run_id
    from {{ earlier }} as feature_history
    inner join previous_run
        on feature_history.run_id = previous_run.run_id
),

counted as (
    {{ segmentry.count_bins('previous_bins') }}
),

shares as (
    select
        previous_bins.run_id,
        previous_bins.feature,
        greatest(previous_bins.customer_share, 0.0001) as share_before,
        greatest(counted.customer_share, 0.0001) as share_now
    from previous_bins
    inner join counted
        on previous_bins.feature = counted.feature and previous_bins.bin = counted.bin
)

select
    run_id as previous_run_id,
    feature,
    cast(round(sum(cast((share_now - share_before) * ln(share_now / share_before) as decimal(18, 9))), 6) as {{ segmentry.type_double() }}) as stability_index
from shares
where feature in ({% for feature in var('segmentry_features') %}'{{ feature.name }}'{{ ', ' if not loop.last }}{% endfor %})
group by run_id, feature
{% else %}
select
    run.run_id as previous_run_id,
    cast(null as {{ dbt.type_string() }}) as feature,
    cast(null as {{ segmentry.type_double() }}) as stability_index
from {{ ref('int_segmentry__run') }} as run
where 1 = 0
{% endif %}
