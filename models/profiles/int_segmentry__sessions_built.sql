{{ segmentry.sessions(ref('int_segmentry__events_resolved'), keys=['customer_id']) }}
