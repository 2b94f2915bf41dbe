{{ config(materialized='view') }}

-- The calendar that dbt's semantic layer asks for: 2000 to 2049.
select cast({{ dbt.dateadd('day', 'days_since.generated_number - 1', "cast('2000-01-01' as date)") }} as date) as date_day
from ({{ dbt.generate_series(18263) }}) as days_since
