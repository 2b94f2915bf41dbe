-- One pass over the user's table: everything later reads this one. Raw text is kept for rejected rows alone.
{% set known_types = [
    'session_start', 'page_view', 'category_view', 'item_view', 'add_to_cart', 'checkout', 'purchase', 'purchase_item',
    'refund', 'email_open', 'email_click', 'support_contact',
] %}
{% set raw_columns = [
    'event_id', 'customer_id', 'event_at', 'event_type', 'session_id', 'order_id', 'channel', 'device_type', 'category',
    'product_id', 'quantity', 'amount', 'discount_amount', 'currency',
] %}

with events_parsed as (
    select
        {{ segmentry.normalize_id('events.event_id') }} as given_event_id,
        {{ segmentry.normalize_id('events.customer_id') }} as source_customer_id,
        {{ segmentry.to_utc('events.event_at') }} as event_at,
        lower(nullif(trim(cast(events.event_type as {{ dbt.type_string() }})), '')) as event_type_given,
        {{ segmentry.normalize_id('events.session_id') }} as given_session_id,
        {{ segmentry.normalize_id('events.order_id') }} as given_order_id,
        nullif(trim(cast(events.channel as {{ dbt.type_string() }})), '') as channel,
        nullif(trim(cast(events.device_type as {{ dbt.type_string() }})), '') as device_type,
        nullif(trim(cast(events.category as {{ dbt.type_string() }})), '') as category,
        nullif(trim(cast(events.product_id as {{ dbt.type_string() }})), '') as product_id,
        {{ segmentry.try_cast('events.quantity', segmentry.type_double()) }} as quantity,
        nullif(trim(cast(events.amount as {{ dbt.type_string() }})), '') as amount_text,
        {{ segmentry.try_cast('events.amount', segmentry.type_double()) }} as amount_number,
        {{ segmentry.try_cast('events.amount', segmentry.type_money()) }} as amount_given,
        {{ segmentry.try_cast('events.discount_amount', segmentry.type_money()) }} as discount_given,
        upper(nullif(trim(cast(events.currency as {{ dbt.type_string() }})), '')) as currency,
        cast(events.event_id as {{ dbt.type_string() }}) as raw_event_id,
        cast(events.customer_id as {{ dbt.type_string() }}) as raw_customer_id,
        cast(events.event_at as {{ dbt.type_string() }}) as raw_event_at,
        cast(events.event_type as {{ dbt.type_string() }}) as raw_event_type,
        {{ segmentry.row_hash(raw_columns) }} as event_hash
    from {{ ref('stg_segmentry__events') }} as events
),

events_converted as (
    select
        events_parsed.*,
        -- A placeholder would glue strange orders and sessions together, and reject all events but one as duplicates.
        {% for id in ['event_id', 'session_id', 'order_id'] %}
        case
            when not {{ segmentry.is_placeholder_id('events_parsed.given_' ~ id) }} then events_parsed.given_{{ id }}
        end as {{ id }},
        {% endfor %}
        -- The conversion fails on years that only a mistake can bring; those are rejected further down.
        case
            when
                events_parsed.event_at >= cast('{{ var("segmentry_minimum_event_date") }}' as {{ dbt.type_timestamp() }})
                and events_parsed.event_at <= {{ segmentry.latest_plausible_time() }}
                then {{ segmentry.to_local('events_parsed.event_at') }}
        end as event_local_at,
        case
            when events_parsed.event_type_given in ({% for type in known_types %}'{{ type }}'{{ ', ' if not loop.last }}{% endfor %})
                then events_parsed.event_type_given
            else 'other'
        end as event_type,
        events_parsed.event_type_given in ('purchase', 'purchase_item', 'refund') as is_money_event,
        exchange_rates.rate
    from events_parsed
    left join {{ ref('stg_segmentry__exchange_rates') }} as exchange_rates
        on coalesce(events_parsed.currency, '{{ var("segmentry_reporting_currency") }}') = exchange_rates.currency
),

events_judged as (
    select
        events_converted.*,
        case
            when events_converted.source_customer_id is null then 'missing_customer_id'
            when {{ segmentry.is_placeholder_id('events_converted.source_customer_id') }} then 'placeholder_customer_id'
            when events_converted.event_at is null then 'missing_time'
            when events_converted.event_at < cast('{{ var("segmentry_minimum_event_date") }}' as {{ dbt.type_timestamp() }}) then 'ancient_time'
            when events_converted.event_at > {{ segmentry.latest_plausible_time() }} then 'future_time'
            when events_converted.event_type_given is null then 'missing_type'
            when not events_converted.is_money_event then null
            when events_converted.amount_text is null and events_converted.event_type_given = 'purchase_item' then null
            when events_converted.amount_text is null then 'missing_amount'
            when events_converted.amount_number is null or {{ segmentry.is_not_finite('events_converted.amount_number') }} then 'unparsable_amount'
            -- In the reporting currency: ten million are absurd in euros and a flat screen in rupiahs.
            when
                abs(events_converted.amount_number * coalesce(events_converted.rate, 1)) > {{ var('segmentry_maximum_amount') }}
                or events_converted.amount_given is null
                then 'absurd_amount'
            when events_converted.amount_number < 0 and events_converted.event_type_given <> 'refund' then 'negative_purchase'
            when events_converted.rate is null then 'unknown_currency'
        end as reject_reason
    from events_converted
)

select
    events_judged.event_id,
    events_judged.source_customer_id,
    events_judged.event_at,
    events_judged.event_local_at,
    events_judged.event_type,
    events_judged.session_id,
    events_judged.order_id,
    events_judged.channel,
    events_judged.device_type,
    events_judged.category,
    events_judged.product_id,
    events_judged.quantity,
    case
        when events_judged.reject_reason is null and events_judged.is_money_event
            then cast(round(abs(events_judged.amount_given) * events_judged.rate, 2) as {{ segmentry.type_money() }})
    end as amount,
    case
        when events_judged.reject_reason is null and events_judged.event_type = 'purchase'
            then cast(round(abs(events_judged.discount_given) * events_judged.rate, 2) as {{ segmentry.type_money() }})
    end as discount_amount,
    events_judged.event_hash,
    events_judged.reject_reason,
    case when events_judged.reject_reason is not null then events_judged.raw_event_id end as raw_event_id,
    case when events_judged.reject_reason is not null then events_judged.raw_customer_id end as raw_customer_id,
    case when events_judged.reject_reason is not null then events_judged.raw_event_at end as raw_event_at,
    case when events_judged.reject_reason is not null then events_judged.raw_event_type end as raw_event_type,
    case when events_judged.reject_reason is not null then events_judged.amount_text end as raw_amount,
    case when events_judged.reject_reason is not null then events_judged.currency end as raw_currency
from events_judged
