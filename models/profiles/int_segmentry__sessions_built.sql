{{ config(**segmentry.event_grain()) }}

with built_sessions as (
    {{ segmentry.sessions(segmentry.events_to_build(needed='has_activity'), keys=['customer_id']) }}
)

{{ segmentry.with_fingerprint('built_sessions') }}
