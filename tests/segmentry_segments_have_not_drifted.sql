-- The alarm of drift: features that moved since the previous run (since the refit, where customers are only
-- assigned), segments that are other segments now, and customers whom no segment resembles.
{{ config(severity='warn') }}

select
    feature as what,
    stability_index as found,
    {{ var('segmentry_drift_maximum_index') }} as threshold
from {{ ref('segmentry__feature_drift') }}
where is_drifted
union all
select
    'adjusted Rand index to the previous run' as what,
    segmentation_runs.ari_to_previous as found,
    {{ var('segmentry_drift_minimum_ari') }} as threshold
from {{ ref('segmentry__segmentation_runs') }} as segmentation_runs
inner join {{ ref('int_segmentry__run') }} as run
    on segmentation_runs.run_id = run.run_id
where segmentation_runs.ari_to_previous < {{ var('segmentry_drift_minimum_ari') }}
union all
select
    'share of customers far from every segment' as what,
    segmentation_runs.far_customer_share as found,
    {{ var('segmentry_drift_maximum_far_share') }} as threshold
from {{ ref('segmentry__segmentation_runs') }} as segmentation_runs
inner join {{ ref('int_segmentry__run') }} as run
    on segmentation_runs.run_id = run.run_id
where segmentation_runs.far_customer_share > {{ var('segmentry_drift_maximum_far_share') }}
