with given_assumptions as (
    {{ segmentry.select_optional(
        var('segmentry_campaign_assumptions'),
        mandatory=[
            'channel', 'fixed_cost', 'contact_cost', 'contacts', 'incentive',
            'uplift_low', 'uplift_base', 'uplift_high', 'gross_margin',
        ],
        optional=['is_example'],
    ) | indent(4) }}
)

select
    lower(trim(cast(channel as {{ dbt.type_string() }}))) as channel,
    cast(fixed_cost as {{ segmentry.type_money() }}) as fixed_cost,
    cast(contact_cost as {{ segmentry.type_double() }}) as contact_cost,
    cast(contacts as {{ dbt.type_bigint() }}) as contacts,
    cast(incentive as {{ segmentry.type_money() }}) as incentive,
    cast(uplift_low as {{ segmentry.type_double() }}) as uplift_low,
    cast(uplift_base as {{ segmentry.type_double() }}) as uplift_base,
    cast(uplift_high as {{ segmentry.type_double() }}) as uplift_high,
    cast(gross_margin as {{ segmentry.type_double() }}) as gross_margin,
    coalesce(cast(is_example as {{ dbt.type_boolean() }}), false) as is_example
from given_assumptions
