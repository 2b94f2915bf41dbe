{{ config(
    alias='segmentation_runs',
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='run_id',
    full_refresh=false,
    on_schema_change='append_new_columns'
) }}

{% set profile_columns = [
    'customer_id', 'net_revenue', 'order_count', 'average_order_value', 'discount_share', 'session_count', 'page_views', 'preferred_hour',
    'preferred_weekday', 'top_category', 'top_channel', 'top_device', 'tenure_days', 'recency_days', 'behaviour_type', 'churn_risk', 'clv',
    'value_tier', 'merged_id_count',
] %}

with event_counts as (
    select
        count(*) as event_count,
        coalesce(sum(case when events_typed.reject_reason is null and events_typed.event_local_at >= run.as_of then 1 else 0 end), 0) as late_count
    from {{ ref('int_segmentry__events_typed') }} as events_typed
    cross join {{ ref('int_segmentry__run') }} as run
),

-- Late events that are rejected as duplicates are counted there.
late_duplicate_counts as (
    select coalesce(sum(case when duplicates.event_local_at >= run.as_of then 1 else 0 end), 0) as late_duplicate_count
    from {{ ref('int_segmentry__duplicate_events_ranked') }} as duplicates
    cross join {{ ref('int_segmentry__run') }} as run
    where duplicates.duplicate_reason is not null
),

resolved_counts as (
    select
        count(*) as events_used,
        coalesce(sum(case when is_on_retired_id then 1 else 0 end), 0) as events_on_retired_id
    from {{ ref('int_segmentry__events_resolved') }}
),

rejected_event_counts as (
    select count(*) as events_rejected
    from {{ ref('segmentry__rejected_events') }}
),

merge_counts as (
    select
        row_count as merge_count,
        reject_count as merges_rejected
    from {{ ref('segmentry__id_merge_statistics') }}
),

profile_facts as (
    select
        count(*) as customer_count,
        {{ segmentry.content_hash(profile_columns) }} as customers_hash
    from {{ ref('int_segmentry__profiles_joined') }}
),

model_facts as (
    select count(*) as model_customer_count
    from {{ ref('int_segmentry__features_sampled') }}
),

member_facts as (
    select
        count(distinct segment_id) as segment_count,
        {{ segmentry.content_hash(['customer_id', 'segment_id', 'membership_score']) }} as members_hash
    from {{ ref('int_segmentry__members_identified') }}
),

choice as (
    select
        max(case when is_chosen or k is null then status end) as status,
        max(case when is_chosen or k is null then reason end) as status_reason,
        max(case when is_chosen then kind end) as kind
    from {{ ref('int_segmentry__k_selected') }}
),

-- How many customers are farther from their centroid than 99 in 100 were when it was fitted.
far_customers as (
    select
        model_run.run_id as model_run_id,
        model_run.as_of as model_as_of,
        round(
            cast(sum(case when members.distance > model_run.far_distance then 1 when members.distance <= model_run.far_distance then 0 end) as {{ segmentry.type_double() }})
            / nullif(count(members.distance), 0), 9
        ) as far_customer_share
    from {{ ref('int_segmentry__model_run') }} as model_run
    left join {{ ref('int_segmentry__members_assigned') }} as members
        on 1 = 1
    group by model_run.run_id, model_run.as_of
),

comparison as (
    select max(ari_to_previous) as ari_to_previous
    from {{ ref('int_segmentry__runs_compared') }}
)

select
    cast(run.run_id as {{ dbt.type_string() }}) as run_id,
    cast(run.recorded_at as {{ dbt.type_timestamp() }}) as recorded_at,
    cast(run.as_of as {{ dbt.type_timestamp() }}) as as_of,
    cast(run.observation_end_date as date) as observation_end_date,
    cast(choice.status as {{ dbt.type_string() }}) as status,
    cast(choice.status_reason as {{ dbt.type_string() }}) as status_reason,
    cast('{{ var("segmentry_mode") }}' as {{ dbt.type_string() }}) as segmentation_mode,
    cast(far_customers.model_run_id as {{ dbt.type_string() }}) as model_run_id,
    cast(far_customers.model_as_of as {{ dbt.type_timestamp() }}) as model_as_of,
    cast(choice.kind as {{ dbt.type_string() }}) as segmentation_kind,
    cast(member_facts.segment_count as {{ dbt.type_bigint() }}) as segment_count,
    cast(profile_facts.customer_count as {{ dbt.type_bigint() }}) as customer_count,
    cast(model_facts.model_customer_count as {{ dbt.type_bigint() }}) as model_customer_count,
    cast(event_counts.event_count as {{ dbt.type_bigint() }}) as event_count,
    cast(resolved_counts.events_used as {{ dbt.type_bigint() }}) as events_used,
    cast(event_counts.late_count - late_duplicate_counts.late_duplicate_count as {{ dbt.type_bigint() }}) as events_outside_window,
    cast(rejected_event_counts.events_rejected as {{ dbt.type_bigint() }}) as events_rejected,
    cast(resolved_counts.events_on_retired_id as {{ dbt.type_bigint() }}) as events_on_retired_id,
    cast(merge_counts.merge_count as {{ dbt.type_bigint() }}) as merge_count,
    cast(merge_counts.merges_rejected as {{ dbt.type_bigint() }}) as merges_rejected,
    cast('{{ var("segmentry_reporting_currency") }}' as {{ dbt.type_string() }}) as reporting_currency,
    cast('{{ var("segmentry_time_zone") }}' as {{ dbt.type_string() }}) as time_zone,
    cast({{ var('segmentry_seed') }} as {{ dbt.type_bigint() }}) as seed,
    cast('{{ "fixed" if var("segmentry_k") else var("segmentry_k_method") }}' as {{ dbt.type_string() }}) as segment_method,
    cast(comparison.ari_to_previous as {{ segmentry.type_double() }}) as ari_to_previous,
    cast(far_customers.far_customer_share as {{ segmentry.type_double() }}) as far_customer_share,
    cast(run.version as {{ dbt.type_string() }}) as version,
    cast(run.settings_hash as {{ dbt.type_string() }}) as settings_hash,
    cast(run.input_hash as {{ dbt.type_string() }}) as input_hash,
    cast(profile_facts.customers_hash as {{ dbt.type_string() }}) as customers_hash,
    cast(member_facts.members_hash as {{ dbt.type_string() }}) as members_hash
from {{ ref('int_segmentry__run') }} as run
cross join event_counts
cross join late_duplicate_counts
cross join resolved_counts
cross join rejected_event_counts
cross join merge_counts
cross join profile_facts
cross join model_facts
cross join member_facts
cross join choice
cross join far_customers
cross join comparison
