{# What event-grain models (sessions, orders, purchase days) share so that a build redoes only the customers whose events changed.
   Each row carries the fingerprint of its customer's events. Before a build, rows whose fingerprint is not today's are deleted; the build then adds
   whoever is missing. Nothing else is remembered, so a build that was interrupted heals by itself. #}

{# Configuration of such a model, for `config(**segmentry.event_grain())`. #}
{% macro event_grain() -%}
    {% if var('segmentry_incremental') %}
        {{ return({
            'materialized': 'incremental',
            'incremental_strategy': 'append',
            'on_schema_change': 'fail',
            'pre_hook': '{{ segmentry.forget_changed_customers(this) }}',
        }) }}
    {% else %}
        {{ return({'materialized': 'table'}) }}
    {% endif %}
{%- endmacro %}

{# Deletes the rows of customers whose events changed, or who are no customers any more. #}
{% macro forget_changed_customers(relation) -%}
    {%- if is_incremental() -%}
        delete from {{ relation }}
        where
            not exists (
                select 1
                from {{ ref('int_segmentry__customers_fingerprinted') }} as fingerprinted
                where
                    fingerprinted.customer_id = {{ relation }}.customer_id
                    and fingerprinted.fingerprint = {{ relation }}.fingerprint
            )
    {%- else -%}
        select 1 as nothing_to_forget
    {%- endif -%}
{%- endmacro %}

{# The events that such a model reads: all, or those of the customers that it lacks. `needed` is the column of the fingerprints that says who has
   something to build at all: whoever has nothing is never there, and would be read in every build. #}
{% macro events_to_build(needed) -%}
    {%- set all_events = ref('int_segmentry__events_resolved') -%}
    {%- if var('segmentry_incremental') -%}
        {#- Outside the condition on the run: dbt learns from it what the model depends on. -#}
        {%- set events_of_missing_customers = segmentry.events_of_missing_customers(needed) -%}
        {{ events_of_missing_customers if is_incremental() else all_events }}
    {%- else -%}
        {{ all_events }}
    {%- endif -%}
{%- endmacro %}

{% macro events_of_missing_customers(needed) -%}
    (
        with missing_customers as (
            select fingerprinted.customer_id
            from {{ ref('int_segmentry__customers_fingerprinted') }} as fingerprinted
            left join (select distinct customer_id from {{ this }}) as built
                on fingerprinted.customer_id = built.customer_id
            where built.customer_id is null and fingerprinted.{{ needed }} = 1
        ),

        missing_ids as (
            select customer_id as id
            from missing_customers
            union
            select merge_map.id
            from {{ ref('int_segmentry__merge_map_resolved') }} as merge_map
            inner join missing_customers
                on merge_map.customer_id = missing_customers.customer_id
        )

        {{ segmentry.resolve_events(only_ids='missing_ids') }}
    ) as events_of_missing_customers
{%- endmacro %}

{# What was built, with the fingerprint of each customer; without one where nothing is compared. #}
{% macro with_fingerprint(relation) -%}
    {%- if var('segmentry_incremental') -%}
    select
        {{ relation }}.*,
        fingerprinted.fingerprint
    from {{ relation }}
    inner join {{ ref('int_segmentry__customers_fingerprinted') }} as fingerprinted
        on {{ relation }}.customer_id = fingerprinted.customer_id
    {%- else -%}
    select
        {{ relation }}.*,
        {{ segmentry.no_hash() }} as fingerprint
    from {{ relation }}
    {%- endif -%}
{%- endmacro %}
