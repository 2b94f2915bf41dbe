{{ config(alias='segment_validation') }}

select
    cast(rules.segment_id as {{ dbt.type_string() }}) as segment_id,
    cast(segments.segment_name as {{ dbt.type_string() }}) as segment_name,
    cast(rules.rule as {{ dbt.type_string() }}) as rule,
    cast(rules.is_passed as boolean) as is_passed,
    cast(rules.value as {{ segmentry.type_double() }}) as value,
    cast(rules.threshold as {{ segmentry.type_double() }}) as threshold,
    cast(rules.severity as {{ dbt.type_string() }}) as severity,
    cast(rules.is_waived as boolean) as is_waived,
    cast(rules.reason as {{ dbt.type_string() }}) as reason,
    cast(run.run_id as {{ dbt.type_string() }}) as run_id
from {{ ref('int_segmentry__rules_checked') }} as rules
inner join {{ ref('int_segmentry__segments_summarised') }} as segments
    on rules.segment_id = segments.segment_id
cross join {{ ref('int_segmentry__run') }} as run
