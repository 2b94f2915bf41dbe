{{ config(alias='variance_explained') }}

select
    cast(explained.measure as {{ dbt.type_string() }}) as measure,
    cast(explained.division as {{ dbt.type_string() }}) as division,
    cast(explained.variance_share as {{ segmentry.type_double() }}) as variance_share,
    cast(run.run_id as {{ dbt.type_string() }}) as run_id
from {{ ref('int_segmentry__variance_explained') }} as explained
cross join {{ ref('int_segmentry__run') }} as run
