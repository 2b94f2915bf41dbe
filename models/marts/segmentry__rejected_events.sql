{{ config(alias='rejected_events') }}

with rejected as (
    select
        raw_event_id as event_id,
        raw_customer_id as customer_id,
        raw_event_at as event_at,
        raw_event_type as event_type,
        order_id,
        raw_amount as amount,
        raw_currency as currency,
        reject_reason as reason
    from {{ ref('int_segmentry__events_typed') }}
    where reject_reason is not null
    union all
    select
        event_id,
        source_customer_id as customer_id,
        cast(event_at as {{ dbt.type_string() }}) as event_at,
        event_type,
        order_id,
        cast(amount as {{ dbt.type_string() }}) as amount,
        cast(null as {{ dbt.type_string() }}) as currency,
        duplicate_reason as reason
    from {{ ref('int_segmentry__duplicate_events_ranked') }}
    where duplicate_reason is not null
)

select
    cast(event_id as {{ dbt.type_string() }}) as event_id,
    cast(customer_id as {{ dbt.type_string() }}) as customer_id,
    cast(event_at as {{ dbt.type_string() }}) as event_at,
    cast(event_type as {{ dbt.type_string() }}) as event_type,
    cast(order_id as {{ dbt.type_string() }}) as order_id,
    cast(amount as {{ dbt.type_string() }}) as amount,
    cast(currency as {{ dbt.type_string() }}) as currency,
    cast(reason as {{ dbt.type_string() }}) as reason
from rejected
