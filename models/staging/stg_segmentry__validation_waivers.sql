with given_waivers as (
    {{ segmentry.select_optional(
        var('segmentry_validation_waivers'),
        mandatory=['segment_id', 'rule', 'reason'],
        optional=['expires_on'],
    ) | indent(4) }}
)

select
    trim(cast(segment_id as {{ dbt.type_string() }})) as segment_id,
    lower(trim(cast(rule as {{ dbt.type_string() }}))) as rule,
    trim(cast(reason as {{ dbt.type_string() }})) as reason,
    cast(expires_on as date) as expires_on
from given_waivers
