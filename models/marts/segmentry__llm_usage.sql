{{ config(alias='llm_usage') }}

with entries as (
    select
        invocation_id,
        provider,
        model,
        attempts,
        prompt_tokens,
        cached_tokens,
        completion_tokens,
        reasoning_tokens,
        cost_amount,
        -- A segment that is never sent to a model did not fail.
        case when status <> 'ok' and error_kind <> 'skipped' then error_kind end as failure_kind
    from {{ ref('int_segmentry__llm_ledger') }}
),

totals as (
    select
        invocation_id,
        provider,
        model,
        sum(attempts) as call_count,
        sum(prompt_tokens) as prompt_tokens,
        sum(cached_tokens) as cached_tokens,
        sum(completion_tokens) as completion_tokens,
        sum(reasoning_tokens) as reasoning_tokens,
        sum(cost_amount) as cost_amount,
        count(failure_kind) as failure_count
    from entries
    group by invocation_id, provider, model
),

failures as (
    select distinct
        invocation_id,
        provider,
        model,
        failure_kind
    from entries
    where failure_kind is not null
),

failure_lists as (
    select
        invocation_id,
        provider,
        model,
        {{ segmentry.join_texts('failure_kind', ', ', 'failure_kind') }} as failure_kinds
    from failures
    group by invocation_id, provider, model
)

select
    cast(totals.invocation_id as {{ dbt.type_string() }}) as invocation_id,
    cast(totals.provider as {{ dbt.type_string() }}) as provider,
    cast(totals.model as {{ dbt.type_string() }}) as model,
    cast(totals.call_count as {{ dbt.type_bigint() }}) as call_count,
    cast(totals.prompt_tokens as {{ dbt.type_bigint() }}) as prompt_tokens,
    cast(totals.cached_tokens as {{ dbt.type_bigint() }}) as cached_tokens,
    cast(totals.completion_tokens as {{ dbt.type_bigint() }}) as completion_tokens,
    cast(totals.reasoning_tokens as {{ dbt.type_bigint() }}) as reasoning_tokens,
    cast(totals.cost_amount as decimal(18, 6)) as cost_amount,
    cast(totals.failure_count as {{ dbt.type_bigint() }}) as failure_count,
    cast(coalesce(failure_lists.failure_kinds, '') as {{ dbt.type_string() }}) as failure_kinds
from totals
left outer join failure_lists
    on
        totals.invocation_id = failure_lists.invocation_id
        and totals.provider = failure_lists.provider
        and totals.model = failure_lists.model
