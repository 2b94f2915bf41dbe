-- Adjusted Rand index (Hubert and Arabie 1985) between the previous run and this one on the customers of both; no row on a first run.
{% set pairs = "cast({} as " ~ segmentry.type_double() ~ ") * ({} - 1) / 2" %}
with shared as (
    select
        cluster,
        previous_segment_id,
        shared_customers
    from {{ ref('int_segmentry__overlaps_counted') }}
),

by_cluster as (
    select sum(shared_customers) as customers
    from shared
    group by cluster
),

by_segment as (
    select sum(shared_customers) as customers
    from shared
    group by previous_segment_id
),

pair_counts as (
    select
        (select sum({{ pairs.format('shared_customers', 'shared_customers') }}) from shared) as together_in_both,
        (select sum({{ pairs.format('customers', 'customers') }}) from by_cluster) as together_now,
        (select sum({{ pairs.format('customers', 'customers') }}) from by_segment) as together_before,
        (select {{ pairs.format('sum(shared_customers)', 'sum(shared_customers)') }} from shared) as all_pairs
)

select
    round(coalesce(
        (together_in_both - together_now * together_before / nullif(all_pairs, 0))
        / nullif((together_now + together_before) / 2 - together_now * together_before / nullif(all_pairs, 0), 0), 1
    ), 6) as ari_to_previous
from pair_counts
where all_pairs > 0
