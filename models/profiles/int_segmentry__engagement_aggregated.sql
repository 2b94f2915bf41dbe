{{ segmentry.engagement(sessions=ref('int_segmentry__sessions_built'), keys=['customer_id']) }}
