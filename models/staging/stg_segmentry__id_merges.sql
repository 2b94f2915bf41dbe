{{ config(materialized="view", pre_hook="{{ segmentry.require_columns('stg_segmentry__id_merges') }}") }}

{% if var('segmentry_id_history') %}
{{ segmentry.select_optional(
    var('segmentry_id_history'),
    mandatory=['old_id', 'new_id', 'merged_at'],
    optional=['ingested_at', 'source', 'operation']
) }}
{% else %}
select
    cast(null as {{ dbt.type_string() }}) as old_id,
    cast(null as {{ dbt.type_string() }}) as new_id,
    cast(null as {{ dbt.type_timestamp() }}) as merged_at,
    cast(null as {{ dbt.type_timestamp() }}) as ingested_at,
    cast(null as {{ dbt.type_string() }}) as source,
    cast(null as {{ dbt.type_string() }}) as operation
where false
{% endif %}
