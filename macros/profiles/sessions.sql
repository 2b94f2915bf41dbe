{# Whether an event belongs to a session: mail, support and refunds are not activity on the site; events of an unknown type are when they carry a
   session id. #}
{% macro is_activity() -%}
    event_type not in ('refund', 'email_open', 'email_click', 'support_contact') and (event_type <> 'other' or session_id is not null)
{%- endmacro %}

{# One row per session: a given session id, else activity that a gap of `segmentry_session_gap_minutes` separates from the rest.
   Grain: `keys` and the session; no given id begins with a space, so the key of a gap session never meets one. #}
{% macro sessions(events, keys) -%}
    {%- set key_list = keys | join(', ') -%}
    {#- Given and gap sessions each read the events themselves: engines write down what two readers share, here nearly all events. -#}
    with spaced_events as (
        select
            {{ key_list }},
            event_at,
            event_type,
            channel,
            device_type,
            case
                when
                    event_at <= cast({{ dbt.dateadd(
                        'minute', var('segmentry_session_gap_minutes'), 'lag(event_at) over (partition by ' ~ key_list ~ ' order by event_at)'
                    ) }} as {{ dbt.type_timestamp() }})
                    then 0
                else 1
            end as starts_session
        from {{ events }}
        where session_id is null and {{ segmentry.is_activity() }}
    ),

    numbered_events as (
        select
            spaced_events.*,
            {# By range, not by rows: of events of one moment, the one that starts the session need not come first here. #}
            sum(starts_session) over (
                partition by {{ key_list }} order by event_at range between unbounded preceding and current row
            ) as session_number
        from spaced_events
    ),

    {% set measures %}
            min(event_at) as started_at,
            max(event_at) as ended_at,
            {{ segmentry.to_local('min(event_at)') }} as started_local_at,
            count(case when event_type in ('page_view', 'category_view', 'item_view') then 1 end) as page_view_count,
            count(case when event_type = 'item_view' then 1 end) as item_view_count,
            count(case when event_type = 'add_to_cart' then 1 end) as cart_addition_count,
            case when count(case when {{ segmentry.is_order_event() }} then 1 end) > 0 then 1 else 0 end as has_order,
            case when count(case when {{ segmentry.is_order_event() }} then 1 end) < count(*) then 1 else 0 end as is_visit,
            min(channel) as channel,
            min(device_type) as device_type
    {% endset %}
    given_sessions as (
        select
            {{ key_list }},
            session_id as session_key,
            {{ measures }}
        from {{ events }}
        where session_id is not null and {{ segmentry.is_activity() }}
        group by {{ key_list }}, session_id
    ),

    gap_sessions as (
        select
            {{ key_list }},
            session_number,
            {{ measures }}
        from numbered_events
        group by {{ key_list }}, session_number
    )

    {% set columns = [
        'started_at', 'ended_at', 'started_local_at', 'page_view_count', 'item_view_count', 'cart_addition_count', 'has_order', 'is_visit', 'channel', 'device_type',
    ] %}
    select
        {{ key_list }},
        session_key,
        {{ columns | join(', ') }}
    from given_sessions
    union all
    select
        {{ key_list }},
        concat(' ', cast(session_number as {{ dbt.type_string() }})) as session_key,
        {{ columns | join(', ') }}
    from gap_sessions
{%- endmacro %}
