-- The transparent heuristic; formulas and their reasons in docs/methods/profiles.md. Time is in weeks; an occasion is a day with an order.
-- Customers who never ordered have no churn risk and no value.
{% set horizon_weeks = (var('segmentry_clv_horizon_days') / 7) | round(9) %}
{% set churn_weeks = (var('segmentry_churn_horizon_days') / 7) | round(9) %}

with buyers as (
    select
        lifecycle.customer_id,
        lifecycle.purchase_day_count - 1 as repeat_count,
        {{ dbt.datediff("lifecycle.first_order_date", "lifecycle.last_order_date", "day") }} as active_days,
        {{ dbt.datediff("lifecycle.first_order_date", "run.observation_end_date", "day") }} as observed_days,
        lifecycle.recency_days,
        lifecycle.purchase_day_count,
        greatest(revenue.gross_revenue - lifecycle.refund_amount, 0) as net_revenue
    from {{ ref('int_segmentry__lifecycle_aggregated') }} as lifecycle
    inner join {{ ref('int_segmentry__revenue_aggregated') }} as revenue
        on lifecycle.customer_id = revenue.customer_id
    cross join {{ ref('int_segmentry__run') }} as run
),

gaps as (
    select
        {{ dbt.datediff("lag(order_date) over (partition by customer_id order by order_date)", "order_date", "day") }} as gap_days
    from {{ ref('int_segmentry__purchase_days_built') }}
),

typical_gap as (
    select percentile_cont(0.5) within group (order by gap_days) / 7 as gap_weeks
    from gaps
    where gap_days is not null
),

population as (
    select
        sum(repeat_count) as repeat_sum,
        cast(sum(observed_days) as {{ segmentry.type_double() }}) / 7 as observed_weeks
    from buyers
),

rates as (
    select
        buyers.customer_id,
        buyers.net_revenue,
        buyers.purchase_day_count,
        case
            when population.repeat_sum > 0
                then (buyers.repeat_count + 1) / (buyers.observed_days / 7.0 + population.observed_weeks / population.repeat_sum)
            else 0
        end as weekly_rate,
        (buyers.active_days / 7.0 + 3 * coalesce(typical_gap.gap_weeks, {{ churn_weeks }})) / (buyers.repeat_count + 3) as expected_gap,
        buyers.recency_days / 7.0 as recency_weeks
    from buyers
    cross join population
    cross join typical_gap
),

decays as (
    select
        rates.*,
        exp(-greatest(recency_weeks / nullif(expected_gap, 0) - 1, 0) / 3) as decay,
        cast(net_revenue as {{ segmentry.type_double() }}) / purchase_day_count as expected_value
    from rates
)

select
    customer_id,
    round(decay, 9) as probability_alive,
    round(exp(-weekly_rate * {{ churn_weeks }} * decay), 9) as churn_risk,
    round(weekly_rate * {{ horizon_weeks }} * decay, 9) as expected_purchases,
    round(expected_value, 9) as expected_value,
    cast(
        round(weekly_rate * {{ horizon_weeks }} * decay * expected_value * {{ var('segmentry_gross_margin') }}, 2) as {{ segmentry.type_money() }}
    ) as clv
from decays
