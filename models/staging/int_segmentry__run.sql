-- The run and its point in time. The id is a hash of everything that the result depends on, so the same run again is the same run.
with deleted_ids as (
    select distinct event_id
    from {{ ref('int_segmentry__duplicate_events_ranked') }}
    where duplicate_reason = 'deleted'
),

event_facts as (
    select
        {{ segmentry.content_hash(['events_typed.event_hash']) }} as events_hash,
        max(case when events_typed.reject_reason is null and deleted_ids.event_id is null then events_typed.event_local_at end) as latest_event_at
    from {{ ref('int_segmentry__events_typed') }} as events_typed
    left join deleted_ids
        on events_typed.event_id = deleted_ids.event_id
),

merge_facts as (
    select {{ segmentry.content_hash(['merge_hash']) }} as merges_hash
    from {{ ref('int_segmentry__id_merges_typed') }}
),

moments as (
    select
        {{ dbt.hash("event_facts.events_hash || '-' || merge_facts.merges_hash") }} as input_hash,
        {% if var('segmentry_as_of') %}
        cast('{{ var("segmentry_as_of") }}' as date) as as_of_date
        {% else %}
        cast({{ dbt.dateadd('day', 1, "coalesce(cast(event_facts.latest_event_at as date), cast('1970-01-01' as date))") }} as date) as as_of_date
        {% endif %}
    from event_facts
    cross join merge_facts
)

select
    {{ dbt.hash(
        "moments.input_hash || '-" ~ segmentry.settings_hash() ~ "-" ~ segmentry.version() ~ "-' || cast(moments.as_of_date as " ~ dbt.type_string() ~ ")"
    ) }} as run_id,
    cast(moments.as_of_date as {{ dbt.type_timestamp() }}) as as_of,
    cast({{ dbt.dateadd('day', -1, 'moments.as_of_date') }} as date) as observation_end_date,
    cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S") }}' as {{ dbt.type_timestamp() }}) as recorded_at,
    moments.input_hash,
    '{{ segmentry.settings_hash() }}' as settings_hash,
    '{{ segmentry.version() }}' as version
from moments
