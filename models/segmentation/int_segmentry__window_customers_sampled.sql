-- The customers on whom the time windows are tested: by the hash that the Python models sample by, so that the samples are nested, do not depend
-- on the order of rows and stay as customers come.
with placed_customers as (
    select
        customer_id,
        row_number() over (order by {{ dbt.hash("'" ~ var('segmentry_seed') ~ ":' || customer_id") }}, customer_id) as place
    from {{ ref('int_segmentry__profiles_joined') }}
)

select customer_id
from placed_customers
where place <= {{ var('segmentry_window_sample_customers') }}
