-- From sessions, not events: a long visit is one choice of an hour. Dates without times (all midnight) say nothing about hours.
-- noqa: disable=LT02
{% set sessions = ref('int_segmentry__sessions_built') %}
{% set clocks = {'hour': range(24), 'weekday': range(1, 8)} %}
with session_times as (
    select
        customer_id,
        cast(extract(hour from started_local_at) as {{ dbt.type_int() }}) as session_hour,
        cast({{ segmentry.iso_weekday('started_local_at') }} as {{ dbt.type_int() }}) as session_weekday,
        case when started_local_at = cast(cast(started_local_at as date) as {{ dbt.type_timestamp() }}) then 0 else 1 end as has_time
    from {{ sessions }}
    {{ segmentry.evaluated_once() }}
),

-- A column per hour and weekday, from one pass: there are few, and to group by them would make almost as many rows as there are sessions.
time_counts as (
    select
        customer_id,
        count(*) as session_count,
        {% for clock, values in clocks.items() %}
        {% for value in values %}
        count(case when session_{{ clock }} = {{ value }} then 1 end) as {{ clock }}_{{ value }},
        {% endfor %}
        {% endfor %}
        max(has_time) as has_time
    from session_times
    group by customer_id
),

preferred_times as (
    select
        customer_id,
        session_count,
        has_time,
        {% for clock, values in clocks.items() %}
        cast({{ segmentry.heaviest_column(clock ~ '_', values) }} as {{ dbt.type_int() }}) as preferred_{{ clock }},
        cast({{ segmentry.largest_column(clock ~ '_', values) }} as {{ segmentry.type_double() }}) / session_count as preferred_{{ clock }}_share,
        {{ segmentry.filled_columns(clock ~ '_', values) }} as {{ clock }}_count,
        {{ segmentry.weighted_logs_of_columns(clock ~ '_', values) }} as {{ clock }}_logs{{ ',' if not loop.last }}
        {% endfor %}
    from time_counts
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

channels as (
    select
        customer_id,
        {{ segmentry.heaviest_value('value', 'weight') }} as top_value
    from channel_counts
    group by customer_id
),

devices as (
    select
        customer_id,
        {{ segmentry.heaviest_value('value', 'weight') }} as top_value,
        cast(sum(case when lower(value) in ('mobile', 'phone', 'smartphone', 'tablet', 'app') then weight else 0 end) as {{ segmentry.type_double() }})
        / sum(weight) as mobile_share
    from device_counts
    group by customer_id
)

select
    preferred_times.customer_id,
    case when preferred_times.has_time = 1 then preferred_times.preferred_hour end as preferred_hour,
    case when preferred_times.has_time = 1 then preferred_times.preferred_hour_share end as preferred_hour_share,
    case
        when preferred_times.has_time = 1
            then {{ segmentry.evenness('preferred_times.session_count', 'preferred_times.hour_logs', 'preferred_times.hour_count', 24) }}
    end as hour_entropy,
    preferred_times.preferred_weekday,
    preferred_times.preferred_weekday_share,
    {{ segmentry.evenness('preferred_times.session_count', 'preferred_times.weekday_logs', 'preferred_times.weekday_count', 7) }} as weekday_entropy,
    channels.top_value as top_channel,
    devices.top_value as top_device,
    devices.mobile_share
from preferred_times
left join channels
    on preferred_times.customer_id = channels.customer_id
left join devices
    on preferred_times.customer_id = devices.customer_id
