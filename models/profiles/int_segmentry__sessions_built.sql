{% if var('segmentry_incremental') %}-- depends_on: {{ ref('int_segmentry__changed_ids_listed') }}, {{ ref('int_segmentry__changed_events_resolved') }}{% endif %}
{{ config(**segmentry.event_grain()) }}

{% if is_incremental() %}
{{ segmentry.sessions(ref('int_segmentry__changed_events_resolved'), keys=['customer_id', 'fingerprint']) }}
{% else %}
with built_sessions as (
    {{ segmentry.sessions(ref('int_segmentry__events_resolved'), keys=['customer_id']) }}
)

{{ segmentry.with_fingerprint('built_sessions') }}
{% endif %}
