{{ config(alias='customer_traits') }}

select
    cast(traits.customer_id as {{ dbt.type_string() }}) as customer_id,
    cast(traits.trait as {{ dbt.type_string() }}) as trait,
    cast(traits.dimension as {{ dbt.type_string() }}) as dimension,
    cast(traits.strength as {{ segmentry.type_double() }}) as strength,
    cast(traits.support as {{ dbt.type_bigint() }}) as support,
    cast(traits.reason as {{ dbt.type_string() }}) as reason,
    cast(run.run_id as {{ dbt.type_string() }}) as run_id
from {{ ref('int_segmentry__traits_detected') }} as traits
cross join {{ ref('int_segmentry__run') }} as run
