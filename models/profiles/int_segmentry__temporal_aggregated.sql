-- From sessions, not events: a long visit is one choice of an hour. Dates without times (all midnight) say nothing about hours.
{% set sessions = ref('int_segmentry__sessions_built') %}
with hour_counts as (
    select
        customer_id,
        cast(extract(hour from started_local_at) as {{ dbt.type_int() }}) as value,
        count(*) as weight
    from {{ sessions }}
    group by customer_id, extract(hour from started_local_at)
),

timed_customers as (
    select customer_id
    from {{ sessions }}
    group by customer_id
    having max(case when started_local_at = cast(cast(started_local_at as date) as {{ dbt.type_timestamp() }}) then 0 else 1 end) = 1
),

weekday_counts as (
    select
        customer_id,
        cast({{ segmentry.iso_weekday('started_local_at') }} as {{ dbt.type_int() }}) as value,
        count(*) as weight
    from {{ sessions }}
    group by customer_id, {{ segmentry.iso_weekday('started_local_at') }}
),

channel_counts as (
    select
        customer_id,
        channel as value,
        count(*) as weight
    from {{ sessions }}
    where channel is not null
    group by customer_id, channel
),

device_counts as (
    select
        customer_id,
        device_type as value,
        count(*) as weight
    from {{ sessions }}
    where device_type is not null
    group by customer_id, device_type
),

hours as (
    {{ segmentry.preference('hour_counts', value_count=24) }}
),

weekdays as (
    {{ segmentry.preference('weekday_counts', value_count=7) }}
),

channels as (
    {{ segmentry.preference('channel_counts') }}
),

devices as (
    {{ segmentry.preference('device_counts') }}
),

mobile_use as (
    select
        customer_id,
        cast(sum(case when lower(value) in ('mobile', 'phone', 'smartphone', 'tablet', 'app') then weight else 0 end) as {{ segmentry.type_double() }})
        / sum(weight) as mobile_share
    from device_counts
    group by customer_id
)

select
    weekdays.customer_id,
    case when timed_customers.customer_id is not null then cast(hours.top_value as {{ dbt.type_int() }}) end as preferred_hour,
    case when timed_customers.customer_id is not null then hours.top_share end as preferred_hour_share,
    case when timed_customers.customer_id is not null then hours.entropy end as hour_entropy,
    cast(weekdays.top_value as {{ dbt.type_int() }}) as preferred_weekday,
    weekdays.top_share as preferred_weekday_share,
    weekdays.entropy as weekday_entropy,
    channels.top_value as top_channel,
    devices.top_value as top_device,
    mobile_use.mobile_share
from weekdays
left join hours
    on weekdays.customer_id = hours.customer_id
left join timed_customers
    on weekdays.customer_id = timed_customers.customer_id
left join channels
    on weekdays.customer_id = channels.customer_id
left join devices
    on weekdays.customer_id = devices.customer_id
left join mobile_use
    on weekdays.customer_id = mobile_use.customer_id
