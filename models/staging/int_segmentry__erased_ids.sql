-- depends_on: {{ ref('stg_segmentry__erasures') }} {{ ref('stg_segmentry__id_merges') }}
-- Only added to, and nothing but hashes: what keeps an erased customer out must not name it.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='fail',
    pre_hook="{{ segmentry.require_erasure_key() }}",
    post_hook="{{ segmentry.forget_erased_ids(this) }}"
) }}

{% if segmentry.erasures_are_listed() %}
{% set edges %}
    with typed_merges as (
        {{ segmentry.typed_merges(segmentry.without_erased(ref('stg_segmentry__id_merges'))) | indent(8) }}
    ),

    ranked_edges as (
        {{ segmentry.merge_edges('typed_merges') | indent(8) }}
    )

    {{ segmentry.deciding_merges('ranked_edges') | indent(4) }}
{% endset %}

with listed_ids as (
    select id
    from {{ ref('stg_segmentry__erasures') }}
    where id is not null and not {{ segmentry.is_placeholder_id('id') }}
),

resolved as (
    {{ segmentry.resolve_merges(edges) | indent(4) }}
),

merge_map as (
    {{ segmentry.merge_map('resolved') | indent(4) }}
),

customers as (
    select merge_map.customer_id
    from merge_map
    inner join listed_ids
        on merge_map.id = listed_ids.id
),

all_ids as (
    select id
    from listed_ids
    union
    select merge_map.id
    from merge_map
    inner join customers
        on merge_map.customer_id = customers.customer_id
),

hashed as (
    select {{ segmentry.keyed_hash('id') }} as id_hash
    from all_ids
)

select
    hashed.id_hash,
    {{ segmentry.keyed_hash("''") }} as key_check
from hashed
{% if is_incremental() -%}
where hashed.id_hash not in (select erased.id_hash from {{ this }} as erased)
{%- endif %}
{% else %}
select
    cast(null as {{ dbt.type_string() }}) as id_hash,
    cast(null as {{ dbt.type_string() }}) as key_check
from (select 1 as one) as nothing
where 1 = 0
{% endif %}
