-- Every segment with every trait, so that an absent trait is a zero and not a missing row. The base is all segmented customers.
with members as (
    select
        customer_id,
        segment_id
    from {{ ref('int_segmentry__members_identified') }}
),

segment_sizes as (
    select
        segment_id,
        count(*) as customer_count,
        sum(count(*)) over () as population_count
    from members
    group by segment_id
),

traits as (
    {{ segmentry.traits_as_rows(['trait', 'dimension']) }}
),

trait_counts as (
    select
        members.segment_id,
        detected.trait,
        count(*) as support_count,
        sum(count(*)) over (partition by detected.trait) as population_support_count
    from members
    inner join {{ ref('int_segmentry__traits_detected') }} as detected
        on members.customer_id = detected.customer_id
    group by members.segment_id, detected.trait
),

population_counts as (
    select
        trait,
        max(population_support_count) as support_count
    from trait_counts
    group by trait
),

compared as (
    select
        segment_sizes.segment_id,
        traits.trait,
        traits.dimension,
        coalesce(trait_counts.support_count, 0) as support_count,
        cast(coalesce(trait_counts.support_count, 0) as {{ segmentry.type_double() }}) / segment_sizes.customer_count as trait_share,
        cast(coalesce(population_counts.support_count, 0) as {{ segmentry.type_double() }}) / segment_sizes.population_count as population_share
    from segment_sizes
    cross join traits
    left join trait_counts
        on segment_sizes.segment_id = trait_counts.segment_id and traits.trait = trait_counts.trait
    left join population_counts
        on traits.trait = population_counts.trait
),

rounded as (
    select
        segment_id,
        trait,
        dimension,
        support_count,
        round(trait_share, 6) as trait_share,
        round(population_share, 6) as population_share,
        round(trait_share / nullif(population_share, 0), 6) as lift
    from compared
)

select
    segment_id,
    trait,
    dimension,
    cast(support_count as {{ dbt.type_bigint() }}) as support_count,
    trait_share,
    population_share,
    lift,
    coalesce(
        lift >= {{ var('segmentry_trait_lift') }}
        and support_count >= {{ var('segmentry_minimum_support') }}
        and trait_share >= {{ var('segmentry_trait_share') }},
        false
    ) as is_defining
from rounded
