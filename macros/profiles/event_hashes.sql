{# What a build hashes anew for the fingerprints of customers. An event has settled once it and its load are older than the latest load: that load may
   still grow, an event of the future was rejected until now, and an event without a load time may be new. #}

{# Sums of hashes by source customer: of all events, or those not yet settled at `since` (a literal, so that engines skip what is older), up to those
   that have settled at `until`. #}
{% macro event_hashes(since=none, until=none) -%}
    select
        source_customer_id,
        count(*) as event_count,
        count(case when {{ segmentry.is_order_event() }} then 1 end) as order_event_count,
        count(case when {{ segmentry.is_activity() }} then 1 end) as activity_event_count,
        sum(event_hash) as hash_sum
    from {{ ref('int_segmentry__events_typed') }}
    where
        reject_reason is null
        and {{ segmentry.is_before_as_of('event_local_at') }}
        {% if since -%}
        and (loaded_at >= {{ since }} or event_at >= {{ since }} or loaded_at = {{ segmentry.never_loaded() }})
        {% endif -%}
        {% if until -%}
        and loaded_at < {{ until }}
        and event_at < {{ until }}
        and loaded_at <> {{ segmentry.never_loaded() }}
        {% endif -%}
    group by source_customer_id
{%- endmacro %}

{# The time of the latest load. One in the future must not hide the loads until then. #}
{% macro latest_load() -%}
    select max(events_typed.loaded_at) as loaded_until
    from {{ ref('int_segmentry__events_typed') }} as events_typed
    cross join {{ ref('int_segmentry__run') }} as run
    where events_typed.loaded_at <= run.recorded_at
{%- endmacro %}

{# Whether stored hashes still stand: they are of a build that came to its end, with the same end of observation. #}
{% macro is_settled() -%}
    settled_until <= {{ segmentry.loaded_until() }} and counted_before = '{{ var("segmentry_as_of") }}'
{%- endmacro %}

{# Until when the events whose hashes are stored have settled, as a literal; before all events when none are stored. `that_stand`: of those alone that
   this build will not forget. #}
{% macro settled_until(that_stand=false) -%}
    {%- set hashed = segmentry.earlier_relation('int_segmentry__settled_events_hashed') if execute else none -%}
    {%- set found = run_query(
        'select cast(max(settled_until) as ' ~ dbt.type_string() ~ ') from ' ~ hashed ~ (' where ' ~ segmentry.is_settled() if that_stand else '')
    ).columns[0].values() if hashed is not none and hashed.is_table else [] -%}
    {{ return("cast('" ~ found[0] ~ "' as " ~ dbt.type_timestamp() ~ ')' if found and found[0] else segmentry.never_loaded()) }}
{%- endmacro %}

{# Deletes the hashes that stand no longer. #}
{% macro forget_unsettled_hashes(relation) -%}
    {%- if is_incremental() -%}
        delete from {{ relation }}
        where not ({{ segmentry.is_settled() }})
    {%- else -%}
        select 1 as nothing_to_forget
    {%- endif -%}
{%- endmacro %}
