-- A view: to join when reading is cheaper than to write every event once more.
{{ config(materialized='view') }}

{{ segmentry.resolve_events() }}
