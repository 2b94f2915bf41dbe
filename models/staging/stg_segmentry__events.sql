{{ config(materialized="view", pre_hook="{{ segmentry.require_columns('stg_segmentry__events') }}") }}

{{ segmentry.select_optional(
    var('segmentry_events'),
    mandatory=segmentry.event_columns().mandatory,
    optional=segmentry.event_columns().optional
) }}
