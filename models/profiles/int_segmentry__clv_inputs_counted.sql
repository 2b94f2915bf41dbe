-- What value and churn are estimated from. An occasion is a day with an order; refunds that name no order, or one that is not there, lower the spend of
-- all occasions in proportion.
with spends as (
    select
        purchase_days.customer_id,
        cast(sum(purchase_days.gross_amount - purchase_days.refund_amount) as {{ segmentry.type_double() }}) as spend,
        cast(sum(
            case when purchase_days.order_date > lifecycle.first_order_date then purchase_days.gross_amount - purchase_days.refund_amount else 0 end
        ) as {{ segmentry.type_double() }}) as repeat_spend
    from {{ ref('int_segmentry__purchase_days_built') }} as purchase_days
    inner join {{ ref('int_segmentry__lifecycle_aggregated') }} as lifecycle
        on purchase_days.customer_id = lifecycle.customer_id
    group by purchase_days.customer_id
),

buyers as (
    select
        lifecycle.customer_id,
        lifecycle.purchase_day_count - 1 as repeat_count,
        {{ dbt.datediff("lifecycle.first_order_date", "lifecycle.last_order_date", "day") }} as active_days,
        {{ dbt.datediff("lifecycle.first_order_date", "run.observation_end_date", "day") }} as observed_days,
        lifecycle.recency_days,
        greatest(revenue.gross_revenue - lifecycle.refund_amount, 0) as net_revenue
    from {{ ref('int_segmentry__lifecycle_aggregated') }} as lifecycle
    inner join {{ ref('int_segmentry__revenue_aggregated') }} as revenue
        on lifecycle.customer_id = revenue.customer_id
    cross join {{ ref('int_segmentry__run') }} as run
)

select
    buyers.customer_id,
    cast(buyers.repeat_count as {{ dbt.type_bigint() }}) as repeat_count,
    cast(buyers.active_days as {{ dbt.type_bigint() }}) as active_days,
    cast(buyers.observed_days as {{ dbt.type_bigint() }}) as observed_days,
    cast(buyers.recency_days as {{ dbt.type_bigint() }}) as recency_days,
    cast(buyers.net_revenue as {{ segmentry.type_money() }}) as net_revenue,
    cast(
        coalesce(round(greatest(spends.repeat_spend, 0) * buyers.net_revenue / nullif(greatest(spends.spend, 0), 0), 2), 0) as {{ segmentry.type_money() }}
    ) as repeat_spend
from buyers
inner join spends
    on buyers.customer_id = spends.customer_id
