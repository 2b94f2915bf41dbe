{{ segmentry.lifecycle(
    events=ref('int_segmentry__events_resolved'),
    purchase_days=ref('int_segmentry__purchase_days_built'),
    orders=ref('int_segmentry__orders_built'),
    span=ref('int_segmentry__run'),
    keys=['customer_id']
) }}
