-- No window where customers are only assigned: nothing is tested then. starts_at and as_of are on the clock of the business time zone, as event_local_at is; cutoff_at is as_of in UTC, as merged_at is.
with listed as (
    {% for window in var('segmentry_windows') if var('segmentry_mode') == 'refit' %}
    select
        '{{ window.window_id }}' as window_id,
        {{ window.days }} as days,
        {{ window.lag_days }} as lag_days
    {{ 'union all' if not loop.last }}
    {% else %}
    select
        '' as window_id,
        0 as days,
        0 as lag_days
    where false
    {% endfor %}
)

select
    listed.window_id,
    listed.lag_days,
    case
        when listed.days > 0 then {{ dbt.dateadd('day', '-(listed.days + listed.lag_days)', 'run.as_of') }}
        else cast('0001-01-01' as {{ dbt.type_timestamp() }})
    end as starts_at,
    cast({{ dbt.dateadd('day', '-listed.lag_days', 'run.as_of') }} as {{ dbt.type_timestamp() }}) as as_of,
    cast({{ dbt.dateadd('day', '-listed.lag_days', 'run.observation_end_date') }} as date) as observation_end_date,
    cast({{ segmentry.local_to_utc(dbt.dateadd('day', '-listed.lag_days', 'run.as_of')) }} as {{ dbt.type_timestamp() }}) as cutoff_at
from listed
cross join {{ ref('int_segmentry__run') }} as run
