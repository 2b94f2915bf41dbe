-- Every segment with every trait, so that an absent trait is a zero and not a missing row. The base is all segmented customers.
-- Frequent visitors show more of everything simply because there is more to see: to define a segment, a trait must also be more common
-- among those who have been observed enough to show it.
with members as (
    select
        identified.segment_id,
        {%- for support in segmentry.traits() | map(attribute='support') | unique %}
        measures.{{ support }},
        {%- endfor %}
        identified.customer_id
    from {{ ref('int_segmentry__members_identified') }} as identified
    inner join {{ ref('int_segmentry__traits_measured') }} as measures
        on identified.customer_id = measures.customer_id
),

observed_counts as (
    {%- for trait in segmentry.traits() %}
    select
        segment_id,
        '{{ trait.trait }}' as trait,
        '{{ trait.dimension }}' as dimension,
        count(*) as customer_count,
        sum(case when {{ trait.support }} >= {{ trait.minimum_support }} then 1 else 0 end) as observed_count
    from members
    group by segment_id
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

shown_counts as (
    select
        members.segment_id,
        detected.trait,
        count(*) as support_count
    from members
    inner join {{ ref('int_segmentry__traits_detected') }} as detected
        on members.customer_id = detected.customer_id
    group by members.segment_id, detected.trait
),

counts as (
    select
        observed_counts.segment_id,
        observed_counts.trait,
        observed_counts.dimension,
        cast(observed_counts.customer_count as {{ segmentry.type_double() }}) as customer_count,
        cast(observed_counts.observed_count as {{ segmentry.type_double() }}) as observed_count,
        cast(coalesce(shown_counts.support_count, 0) as {{ segmentry.type_double() }}) as support_count
    from observed_counts
    left outer join shown_counts
        on observed_counts.segment_id = shown_counts.segment_id and observed_counts.trait = shown_counts.trait
),

population_counts as (
    select
        trait,
        sum(customer_count) as customer_count,
        sum(observed_count) as observed_count,
        sum(support_count) as support_count
    from counts
    group by trait
),

compared as (
    select
        counts.segment_id,
        counts.trait,
        counts.dimension,
        counts.observed_count,
        counts.support_count,
        round(counts.support_count / counts.customer_count, 6) as trait_share,
        round(population_counts.support_count / population_counts.customer_count, 6) as population_share,
        round(
            counts.support_count * population_counts.customer_count / nullif(counts.customer_count * population_counts.support_count, 0), 6
        ) as lift,
        round(
            counts.support_count * population_counts.observed_count / nullif(counts.observed_count * population_counts.support_count, 0), 6
        ) as observed_lift
    from counts
    inner join population_counts
        on counts.trait = population_counts.trait
)

select
    segment_id,
    trait,
    dimension,
    cast(observed_count as {{ dbt.type_bigint() }}) as observed_count,
    cast(support_count as {{ dbt.type_bigint() }}) as support_count,
    trait_share,
    population_share,
    lift,
    observed_lift,
    coalesce(
        lift >= {{ var('segmentry_trait_lift') }}
        and observed_lift >= {{ var('segmentry_trait_lift') }}
        and support_count >= {{ var('segmentry_minimum_support') }}
        and trait_share >= {{ var('segmentry_trait_share') }},
        false
    ) as is_defining
from compared
