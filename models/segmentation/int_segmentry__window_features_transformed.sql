with window_features as (
    {{ segmentry.measure_features(ref('int_segmentry__window_profiles_built'), keys=['window_id', 'customer_id']) }}
)

{{ segmentry.transform_features('window_features', keys=['window_id', 'customer_id']) }}
