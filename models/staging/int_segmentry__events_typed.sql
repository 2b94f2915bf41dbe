-- depends_on: {{ ref('int_segmentry__erased_ids') }}
-- One pass over the user's table: everything later reads this one. Raw text is kept for rejected rows alone.
{{ config(
    materialized='incremental' if var('segmentry_incremental') else 'table',
    incremental_strategy='delete+insert',
    unique_key='loaded_at',
    on_schema_change='fail'
) }}
{{ segmentry.require_same_basis() }}
{% set known_types = [
    'session_start', 'page_view', 'category_view', 'item_view', 'add_to_cart', 'checkout', 'purchase', 'purchase_item',
    'refund', 'email_open', 'email_click', 'support_contact',
] %}
{% set raw_columns = [
    'event_id', 'customer_id', 'event_at', 'event_type', 'session_id', 'order_id', 'channel', 'device_type', 'category',
    'product_id', 'quantity', 'amount', 'discount_amount', 'currency', 'is_deleted',
] %}
{% set loaded_at -%} coalesce({{ segmentry.to_utc('events.ingested_at') }}, {{ segmentry.never_loaded() }}) {%- endset %}

with events_cleaned as (
    select
        {{ segmentry.normalize_id('events.event_id') }} as given_event_id,
        {{ segmentry.normalize_id('events.customer_id') }} as source_customer_id,
        {{ segmentry.to_utc('events.event_at') }} as event_at,
        lower({{ segmentry.clean_text('events.event_type') }}) as event_type_given,
        {{ segmentry.normalize_id('events.session_id') }} as given_session_id,
        {{ segmentry.normalize_id('events.order_id') }} as given_order_id,
        {{ segmentry.clean_text('events.channel') }} as channel,
        {{ segmentry.clean_text('events.device_type') }} as device_type,
        {{ segmentry.clean_text('events.category') }} as category,
        {{ segmentry.clean_text('events.amount') }} as amount_text,
        {{ segmentry.clean_text('events.discount_amount') }} as discount_text,
        upper({{ segmentry.clean_text('events.currency') }}) as currency,
        {{ loaded_at }} as loaded_at,
        coalesce({{ segmentry.try_cast('events.is_deleted', dbt.type_boolean()) }}, false) as is_deletion,
        cast(events.event_id as {{ dbt.type_string() }}) as raw_event_id,
        cast(events.customer_id as {{ dbt.type_string() }}) as raw_customer_id,
        cast(events.event_at as {{ dbt.type_string() }}) as raw_event_at,
        cast(events.event_type as {{ dbt.type_string() }}) as raw_event_type,
        events.is_erased,
        {{ segmentry.row_hash(raw_columns) }} as event_hash
    from {{ segmentry.without_erased(ref('stg_segmentry__events'), ids=['customer_id'], blank=raw_columns, kept=['ingested_at']) }} as events
    {% if is_incremental() -%}
    -- The last load again, whose rows may have been incomplete, and loads with an event that was still in the future.
    where
        {{ loaded_at }} >= {{ segmentry.loaded_until() }}
        or {{ loaded_at }} = {{ segmentry.never_loaded() }}
        {% for reopened_load in segmentry.reopened_loads(this) -%}
        or {{ loaded_at }} = {{ reopened_load }}
        {% endfor %}
    {%- endif %}
    {{ segmentry.evaluated_once() }}
),

events_converted as (
    select
        events_cleaned.*,
        -- A placeholder would glue strange orders and sessions together, and reject all events but one as duplicates.
        {% for id in ['event_id', 'session_id', 'order_id'] %}
        case
            when not {{ segmentry.is_placeholder_id('events_cleaned.given_' ~ id) }} then events_cleaned.given_{{ id }}
        end as {{ id }},
        {% endfor %}
        -- The conversion fails on years that only a mistake can bring; those are rejected further down.
        case
            when
                events_cleaned.event_at >= cast('{{ var("segmentry_minimum_event_date") }}' as {{ dbt.type_timestamp() }})
                and events_cleaned.event_at <= {{ segmentry.latest_plausible_time() }}
                then {{ segmentry.to_local('events_cleaned.event_at') }}
        end as event_local_at,
        case
            when events_cleaned.event_type_given in ({% for type in known_types %}'{{ type }}'{{ ', ' if not loop.last }}{% endfor %})
                then events_cleaned.event_type_given
            else 'other'
        end as event_type,
        events_cleaned.event_type_given in ('purchase', 'purchase_item', 'refund') as is_money_event,
        {{ segmentry.try_cast('events_cleaned.amount_text', segmentry.type_double()) }} as amount_number,
        {{ segmentry.try_cast('events_cleaned.amount_text', segmentry.type_given_money()) }} as amount_given,
        {{ segmentry.try_cast('events_cleaned.discount_text', segmentry.type_given_money()) }} as discount_given,
        exchange_rates.rate,
        exchange_rates.is_example
    from events_cleaned
    left join {{ ref('stg_segmentry__exchange_rates') }} as exchange_rates
        on coalesce(events_cleaned.currency, '{{ var("segmentry_reporting_currency") }}') = exchange_rates.currency
    {{ segmentry.evaluated_once() }}
),

events_judged as (
    select
        events_converted.*,
        case
            when events_converted.is_erased then 'erased'
            when events_converted.is_deletion then 'deletion'
            when events_converted.source_customer_id is null then 'missing_customer_id'
            when {{ segmentry.is_placeholder_id('events_converted.source_customer_id') }} then 'placeholder_customer_id'
            when events_converted.event_at is null
                then case when {{ segmentry.clean_text('events_converted.raw_event_at') }} is null then 'missing_time' else 'unparsable_time' end
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
    case
        when events_judged.reject_reason is null and events_judged.is_money_event
            then cast(round(abs(events_judged.amount_given) * events_judged.rate, 2) as {{ segmentry.type_money() }})
    end as amount,
    case
        when events_judged.reject_reason is null and events_judged.event_type in ('purchase', 'purchase_item')
            then cast(round(abs(events_judged.discount_given) * events_judged.rate, 2) as {{ segmentry.type_money() }})
    end as discount_amount,
    events_judged.reject_reason is null and events_judged.is_money_event and coalesce(events_judged.is_example, false) as is_example_rate,
    events_judged.loaded_at,
    events_judged.event_hash,
    events_judged.reject_reason,
    case when events_judged.reject_reason is not null then events_judged.raw_event_id end as raw_event_id,
    case when events_judged.reject_reason is not null then events_judged.raw_customer_id end as raw_customer_id,
    case when events_judged.reject_reason is not null then events_judged.raw_event_at end as raw_event_at,
    case when events_judged.reject_reason is not null then events_judged.raw_event_type end as raw_event_type,
    case when events_judged.reject_reason is not null then events_judged.amount_text end as raw_amount,
    case when events_judged.reject_reason is not null then events_judged.currency end as raw_currency
from events_judged
