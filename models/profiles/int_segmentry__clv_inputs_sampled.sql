{{ config(materialized='table' if segmentry.model_customers() else 'view') }}

{{ segmentry.model_sample(ref('int_segmentry__clv_inputs_counted'), ['repeat_count', 'active_days', 'observed_days', 'repeat_spend']) }}
