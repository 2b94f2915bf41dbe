{% if var('segmentry_incremental') %}-- depends_on: {{ ref('int_segmentry__changed_ids_listed') }}, {{ ref('int_segmentry__changed_events_resolved') }}{% endif %}
{{ config(**segmentry.event_grain()) }}

{% if is_incremental() %}
with changed_events as (
    select *
    from {{ ref('int_segmentry__changed_events_resolved') }}
    -- Whose rows were deleted, and nobody else, should both tables be of different builds.
    where customer_id in (select customer_id from {{ ref('int_segmentry__changed_ids_listed') }})
),

built_sessions as (
    {{ segmentry.sessions('changed_events', keys=['customer_id', 'fingerprint']) }}
)

select *
from built_sessions
{% else %}
with built_sessions as (
    {{ segmentry.sessions(ref('int_segmentry__events_resolved'), keys=['customer_id']) }}
)

{{ segmentry.with_fingerprint('built_sessions') }}
{% endif %}
