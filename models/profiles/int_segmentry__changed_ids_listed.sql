-- Whose sessions, orders or purchase days are not those of today's events: other events, none any more, or left behind by a build that stopped.
{{ config(materialized='table' if var('segmentry_incremental') else 'view') }}

{# What is built from nothing reads all events and is not compared. #}
{% set compared = {} %}
{% for model, needed in {
    'int_segmentry__sessions_built': 'has_activity',
    'int_segmentry__orders_built': 'has_order',
    'int_segmentry__purchase_days_built': 'has_order',
}.items() %}
{% if segmentry.goes_on(model) %} {% do compared.update({model: needed}) %} {% endif %}
{% endfor %}
with changed_customers as (
    {% for model, needed in compared.items() %}
    select coalesce(fingerprinted.customer_id, built.customer_id) as customer_id
    from (
        select
            customer_id,
            fingerprint
        from {{ ref('int_segmentry__customers_fingerprinted') }}
        where {{ needed }} = 1
    ) as fingerprinted
    full outer join (
        select distinct
            customer_id,
            fingerprint
        from {{ segmentry.earlier_relation(model) }}
    ) as built
        on fingerprinted.customer_id = built.customer_id and fingerprinted.fingerprint = built.fingerprint
    where fingerprinted.customer_id is null or built.customer_id is null
    {{ 'union all' if not loop.last }}
    {% else %}
    select customer_id
    from {{ ref('int_segmentry__customers_fingerprinted') }}
    where 1 = 0
    {% endfor %}
),

carried_ids as (
    select
        customer_id,
        customer_id as id
    from changed_customers
    union all
    select
        merge_map.customer_id,
        merge_map.id
    from {{ ref('int_segmentry__merge_map_resolved') }} as merge_map
    inner join changed_customers
        on merge_map.customer_id = changed_customers.customer_id
)

select distinct
    carried_ids.customer_id,
    case when fingerprinted.customer_id is not null then carried_ids.id end as id,
    fingerprinted.fingerprint
from carried_ids
left join {{ ref('int_segmentry__customers_fingerprinted') }} as fingerprinted
    on carried_ids.customer_id = fingerprinted.customer_id
