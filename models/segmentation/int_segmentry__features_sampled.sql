{{ config(materialized='table' if segmentry.model_customers() else 'view') }}

{{ segmentry.model_sample(ref('int_segmentry__features_transformed'), var('segmentry_features') | map(attribute='name') | list) }}
