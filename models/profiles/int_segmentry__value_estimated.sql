-- Value and churn by the methods that int_segmentry__clv_fitted chose, else by the transparent heuristic; formulas and their reasons in
-- docs/methods/value.md. Time is in weeks; an occasion is a day with an order. Customers who never ordered have no churn risk and no value.
{% set horizon_weeks = (var('segmentry_clv_horizon_days') / 7) | round(9) %}
{% set churn_weeks = (var('segmentry_churn_horizon_days') / 7) | round(9) %}

with gaps as (
    select
        {{ dbt.datediff("lag(order_date) over (partition by customer_id order by order_date)", "order_date", "day") }} as gap_days
    from {{ ref('int_segmentry__purchase_days_built') }}
),

typical_gap as (
    select {{ segmentry.percentile('gap_days', 0.5) }} / 7 as gap_weeks
    from gaps
    where gap_days is not null
),

population as (
    select
        sum(repeat_count) as repeat_sum,
        cast(sum(observed_days) as {{ segmentry.type_double() }}) / 7 as observed_weeks
    from {{ ref('int_segmentry__clv_inputs_counted') }}
),

rates as (
    select
        buyers.customer_id,
        buyers.repeat_count,
        buyers.observed_days,
        buyers.repeat_spend,
        cast(buyers.active_days as {{ segmentry.type_double() }}) / 7 as active_weeks,
        cast(buyers.observed_days as {{ segmentry.type_double() }}) / 7 as observed_weeks,
        cast(buyers.recency_days as {{ segmentry.type_double() }}) / 7 as recency_weeks,
        cast(buyers.net_revenue as {{ segmentry.type_double() }}) / (buyers.repeat_count + 1) as average_spend,
        case
            when population.repeat_sum > 0
                then (buyers.repeat_count + 1) / (cast(buyers.observed_days as {{ segmentry.type_double() }}) / 7 + population.observed_weeks / population.repeat_sum)
            else 0
        end as weekly_rate,
        (cast(buyers.active_days as {{ segmentry.type_double() }}) / 7 + 3 * coalesce(typical_gap.gap_weeks, {{ churn_weeks }})) / (buyers.repeat_count + 3) as expected_gap
    from {{ ref('int_segmentry__clv_inputs_counted') }} as buyers
    cross join population
    cross join typical_gap
),

heuristics as (
    select
        rates.*,
        exp(-greatest(recency_weeks / nullif(expected_gap, 0) - 1, 0) / 3) as decay
    from rates
),

-- One row each, of NULLs under the heuristic.
{% for purpose in ['clv', 'churn'] %}
{{ purpose }}_models as (
    select
        max(method) as method,
        max(r) as r,
        max(alpha) as alpha,
        max(a) as a,
        max(b) as b,
        max(p) as p,
        max(q) as q,
        max(gamma) as gamma
    from {{ ref('int_segmentry__clv_fitted') }}
    where is_{{ purpose }}_method and method <> 'heuristic'
),

{% endfor %}
modelled as (
    select
        heuristics.*,
        grid.purchases_if_alive,
        case when grid.purchases_if_alive is not null then clv_models.method else 'heuristic' end as clv_method,
        coalesce(churn_models.method, 'heuristic') as churn_method,
        {{ segmentry.probability_alive('clv_models', 'heuristics') }} as clv_alive,
        {{ segmentry.probability_alive('churn_models', 'heuristics') }} as churn_alive,
        exp((churn_models.r + heuristics.repeat_count) * ln(
            (churn_models.alpha + heuristics.observed_weeks) / (churn_models.alpha + heuristics.observed_weeks + {{ churn_weeks }})
        )) as no_purchase_if_alive,
        clv_models.p * (clv_models.gamma + cast(heuristics.repeat_spend as {{ segmentry.type_double() }}))
        / (clv_models.p * heuristics.repeat_count + clv_models.q - 1) as modelled_spend
    from heuristics
    cross join clv_models
    cross join churn_models
    left join {{ ref('int_segmentry__clv_grid_computed') }} as grid
        on heuristics.repeat_count = grid.repeat_count and heuristics.observed_days = grid.observed_days
),

estimates as (
    select
        customer_id,
        clv_method,
        churn_method,
        case when churn_method = 'heuristic' then decay else churn_alive end as probability_alive,
        case
            when churn_method = 'heuristic' then exp(-weekly_rate * {{ churn_weeks }} * decay)
            else 1 - churn_alive * (1 - no_purchase_if_alive)
        end as churn_risk,
        case when clv_method = 'heuristic' then weekly_rate * {{ horizon_weeks }} * decay else clv_alive * purchases_if_alive end as expected_purchases,
        case when clv_method = 'heuristic' then average_spend else modelled_spend end as expected_value
    from modelled
)

select
    customer_id,
    round(probability_alive, 9) as probability_alive,
    round(churn_risk, 9) as churn_risk,
    round(expected_purchases, 9) as expected_purchases,
    round(expected_value, 9) as expected_value,
    cast(
        round(expected_purchases * expected_value * {{ var('segmentry_gross_margin') }}, 2) as {{ segmentry.type_money() }}
    ) as clv,
    clv_method,
    churn_method
from estimates
