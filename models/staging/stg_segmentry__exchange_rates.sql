{{ config(materialized="view") }}

with found_rates as (
    {{ segmentry.select_optional(
        var('segmentry_exchange_rates'), mandatory=['currency', 'rate'], optional=['is_example']
    ) | indent(4) }}
),

given_rates as (
    select
        upper(trim(cast(currency as {{ dbt.type_string() }}))) as currency,
        cast(rate as decimal(18, 8)) as rate,
        coalesce(cast(is_example as {{ dbt.type_boolean() }}), false) as is_example
    from found_rates
),

own_currency as (
    select
        '{{ var("segmentry_reporting_currency") }}' as currency,
        cast(1 as decimal(18, 8)) as rate,
        false as is_example
)

-- Rates are in any one currency. A table without the reporting currency says nothing about how to come to it: it has no rates then.
select
    given_rates.currency,
    cast(given_rates.rate / reporting.rate as decimal(18, 8)) as rate,
    given_rates.is_example
from given_rates
inner join given_rates as reporting
    on reporting.currency = '{{ var("segmentry_reporting_currency") }}' and given_rates.currency <> reporting.currency
union all
select
    own_currency.currency,
    own_currency.rate,
    own_currency.is_example
from own_currency
