{{ segmentry.measure_features(ref('int_segmentry__profiles_joined'), keys=['customer_id']) }}
