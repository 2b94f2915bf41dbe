{{ segmentry.purchase_days(ref('int_segmentry__orders_built'), keys=['customer_id']) }}
