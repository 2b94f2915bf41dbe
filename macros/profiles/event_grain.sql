{# What event-grain models (sessions, orders, purchase days) share so that a build redoes only the customers whose events changed.
   Each row carries the fingerprint of its customer's events. `int_segmentry__changed_ids_listed` lists the customers whose rows have not today's; a model
   deletes what it has of them and builds them anew. So the next build makes good what one that was interrupted left behind, and what models built alone, in
   whatever order, may lack. #}

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
        where customer_id in (select customer_id from {{ ref('int_segmentry__changed_ids_listed') }})
    {%- else -%}
        select 1 as nothing_to_forget
    {%- endif -%}
{%- endmacro %}

{# What was built from nothing, with the fingerprint of each customer; without one where nothing is compared. #}
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
