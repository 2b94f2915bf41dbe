{{ config(materialized="view") }}

with given_rates as (
    select
        upper(trim(cast(currency as {{ dbt.type_string() }}))) as currency,
        cast(rate as decimal(18, 8)) as rate
    from {{ var('segmentry_exchange_rates') }}
),

own_currency as (
    select
        '{{ var("segmentry_reporting_currency") }}' as currency,
        cast(1 as decimal(18, 8)) as rate
)

select
    given_rates.currency,
    given_rates.rate
from given_rates
where given_rates.currency <> '{{ var("segmentry_reporting_currency") }}'
union all
select
    own_currency.currency,
    own_currency.rate
from own_currency
