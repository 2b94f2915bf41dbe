-- A trait is a measure that reaches its threshold with enough observations; the list is the macro `traits`.
with traits as (
    {{ segmentry.traits_as_rows(['trait', 'dimension', 'threshold', 'minimum_support', 'reason']) }}
),

scored as (
    select
        measures.customer_id,
        traits.trait,
        traits.dimension,
        traits.threshold,
        traits.minimum_support,
        traits.reason,
        case traits.trait
            {%- for trait in segmentry.traits() %}
            when '{{ trait.trait }}' then measures.{{ trait.score }}
            {%- endfor %}
        end as score,
        case traits.trait
            {%- for trait in segmentry.traits() %}
            when '{{ trait.trait }}' then measures.{{ trait.support }}
            {%- endfor %}
        end as support
    from {{ ref('int_segmentry__traits_measured') }} as measures
    cross join traits
)

select
    customer_id,
    trait,
    dimension,
    -- .5 at the threshold, 1 at the most that the measure can be.
    round(least(1, 0.5 + 0.5 * coalesce((score - threshold) / nullif(1 - threshold, 0), 1)), 6) as strength,
    cast(support as {{ dbt.type_bigint() }}) as support,
    reason
from scored
where score >= threshold and support >= minimum_support
