{{ config(**segmentry.event_grain()) }}

with
{% if is_incremental() %}
-- The few that are built again are looked for once; all events are read twice rather than written down.
events_to_build as (
    select *
    from {{ segmentry.events_to_build(needed='has_activity') }}
),

{% endif %}
built_sessions as (
    {{ segmentry.sessions(
        'events_to_build' if is_incremental() else segmentry.events_to_build(needed='has_activity'), keys=['customer_id']
    ) }}
)

{{ segmentry.with_fingerprint('built_sessions') }}
