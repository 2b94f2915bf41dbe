with shuffled_features as (
    {{ segmentry.measure_features(ref('int_segmentry__shuffled_profiles_built'), keys=['replicate', 'customer_id']) }}
)

{{ segmentry.transform_features('shuffled_features', keys=['replicate', 'customer_id']) }}
