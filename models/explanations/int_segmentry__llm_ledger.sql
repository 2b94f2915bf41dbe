-- depends_on: {{ ref('int_segmentry__segment_facts') }} {{ ref('stg_segmentry__model_prices') }}
-- Selects nothing: dbt owns the shape, the post-hook the rows. They are cache, bill and audit log, so a full refresh keeps them.
{{ config(
    materialized='incremental',
    full_refresh=false,
    on_schema_change='append_new_columns',
    post_hook={'sql': '{{ segmentry.explain_segments() }}', 'transaction': false}
) }}
select
    cast(null as {{ dbt.type_string() }}) as entry_id,
    cast(null as {{ dbt.type_string() }}) as request_key,
    cast(null as {{ dbt.type_string() }}) as segment_id,
    cast(null as {{ dbt.type_string() }}) as purpose,
    cast(null as {{ dbt.type_string() }}) as provider,
    cast(null as {{ dbt.type_string() }}) as model,
    cast(null as {{ dbt.type_string() }}) as language,
    cast(null as {{ dbt.type_string() }}) as prompt_version,
    cast(null as {{ dbt.type_string() }}) as schema_version,
    cast(null as {{ dbt.type_string() }}) as status,
    cast(null as {{ dbt.type_string() }}) as error_kind,
    cast(null as {{ dbt.type_string() }}) as error,
    cast(null as {{ dbt.type_string() }}) as response,
    cast(null as {{ dbt.type_string() }}) as rendered,
    cast(null as {{ dbt.type_bigint() }}) as prompt_tokens,
    cast(null as {{ dbt.type_bigint() }}) as cached_tokens,
    cast(null as {{ dbt.type_bigint() }}) as completion_tokens,
    cast(null as {{ dbt.type_bigint() }}) as reasoning_tokens,
    cast(null as decimal(18, 6)) as cost_amount,
    cast(null as {{ dbt.type_bigint() }}) as attempts,
    cast(null as {{ segmentry.type_double() }}) as latency_seconds,
    cast(null as {{ dbt.type_string() }}) as invocation_id,
    cast(null as {{ dbt.type_timestamp() }}) as recorded_at
where 1 = 0
