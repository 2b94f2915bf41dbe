{{ segmentry.revenue(orders=ref('int_segmentry__orders_built'), span=ref('int_segmentry__run'), keys=['customer_id']) }}
