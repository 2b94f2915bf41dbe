-- Features that are the same for everybody tell nobody apart and are left out.
select
    matches.segment_id,
    names.segment_name,
    features.feature,
    features.feature_number,
    features.block,
    features.unit,
    features.mean,
    features.median,
    features.population_mean,
    features.population_median,
    features.z_score,
    features.lift,
    features.label,
    features.is_distinctive
from {{ ref('int_segmentry__cluster_features_compared') }} as features
inner join {{ ref('int_segmentry__segments_matched') }} as matches
    on features.cluster = matches.cluster
inner join {{ ref('int_segmentry__segments_named') }} as names
    on features.cluster = names.cluster
where not features.is_dropped
