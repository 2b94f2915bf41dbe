{{ segmentry.transform_features(ref('int_segmentry__features_measured'), keys=['customer_id']) }}
