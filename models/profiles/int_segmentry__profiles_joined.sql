with merged_ids as (
    select
        customer_id,
        sum(case when id <> customer_id then 1 else 0 end) as merged_id_count
    from {{ ref('int_segmentry__merge_map_resolved') }}
    group by customer_id
),

-- Customers without an order have no estimate; the methods are those of the run.
methods as (
    select
        coalesce(max(case when is_clv_method then method end), 'heuristic') as clv_method,
        coalesce(max(case when is_churn_method then method end), 'heuristic') as churn_method
    from {{ ref('int_segmentry__clv_fitted') }}
),

joined as (
    select
        lifecycle.customer_id,
        coalesce(revenue.gross_revenue, 0) as gross_revenue,
        lifecycle.refund_amount,
        coalesce(revenue.gross_revenue, 0) - lifecycle.refund_amount as net_revenue,
        coalesce(revenue.discount_amount, 0) as discount_amount,
        coalesce(revenue.order_count, 0) as order_count,
        coalesce(revenue.discounted_order_count, 0) as discounted_order_count,
        coalesce(revenue.revenue_90d, 0) as revenue_90d,
        coalesce(revenue.revenue_365d, 0) as revenue_365d,
        coalesce(revenue.orders_90d, 0) as orders_90d,
        coalesce(engagement.session_count, 0) as session_count,
        coalesce(engagement.visit_count, 0) as visit_count,
        coalesce(engagement.page_views, 0) as page_views,
        coalesce(engagement.items_viewed, 0) as items_viewed,
        coalesce(engagement.cart_additions, 0) as cart_additions,
        engagement.session_seconds,
        engagement.bounce_count,
        coalesce(engagement.cart_session_count, 0) as cart_session_count,
        engagement.abandoned_cart_count,
        coalesce(engagement.weekend_session_count, 0) as weekend_session_count,
        temporal.preferred_hour,
        temporal.preferred_hour_share,
        temporal.hour_entropy,
        temporal.preferred_weekday,
        temporal.preferred_weekday_share,
        temporal.weekday_entropy,
        temporal.top_channel,
        temporal.top_device,
        temporal.mobile_share,
        affinity.top_category,
        affinity.top_category_share,
        affinity.category_diversity,
        affinity.top_category_level_2,
        affinity.top_category_level_2_share,
        affinity.category_level_2_diversity,
        affinity.top_category_level_3,
        affinity.top_category_level_3_share,
        affinity.category_level_3_diversity,
        coalesce(affinity.category_count, 0) as category_count,
        lifecycle.first_seen_at,
        lifecycle.last_seen_at,
        lifecycle.tenure_days,
        lifecycle.days_since_seen,
        lifecycle.first_order_at,
        lifecycle.last_order_at,
        lifecycle.recency_days,
        lifecycle.gap_mean,
        lifecycle.gap_sd,
        lifecycle.gap_cv,
        lifecycle.regularity,
        lifecycle.behaviour_type,
        value.probability_alive,
        value.churn_risk,
        coalesce(value.expected_purchases, 0) as expected_purchases,
        value.expected_value,
        coalesce(value.clv, 0) as clv,
        coalesce(value.clv_method, methods.clv_method) as clv_method,
        coalesce(value.churn_method, methods.churn_method) as churn_method,
        coalesce(merged_ids.merged_id_count, 0) as merged_id_count
    from {{ ref('int_segmentry__lifecycle_aggregated') }} as lifecycle
    cross join methods
    left join {{ ref('int_segmentry__revenue_aggregated') }} as revenue
        on lifecycle.customer_id = revenue.customer_id
    left join {{ ref('int_segmentry__engagement_aggregated') }} as engagement
        on lifecycle.customer_id = engagement.customer_id
    left join {{ ref('int_segmentry__temporal_aggregated') }} as temporal
        on lifecycle.customer_id = temporal.customer_id
    left join {{ ref('int_segmentry__affinity_aggregated') }} as affinity
        on lifecycle.customer_id = affinity.customer_id
    left join {{ ref('int_segmentry__value_estimated') }} as value
        on lifecycle.customer_id = value.customer_id
    left join merged_ids
        on lifecycle.customer_id = merged_ids.customer_id
),

cumulated as (
    select
        joined.*,
        sum(clv) over (order by clv desc, customer_id asc rows between unbounded preceding and current row) - clv as clv_before,
        sum(clv) over () as clv_total
    from joined
)

select
    customer_id,
    gross_revenue,
    refund_amount,
    net_revenue,
    discount_amount,
    round(cast(refund_amount as {{ segmentry.type_double() }}) / nullif(gross_revenue, 0), 9) as refund_rate,
    order_count,
    discounted_order_count,
    round(cast(gross_revenue as {{ segmentry.type_double() }}) / nullif(order_count, 0), 9) as average_order_value,
    round(cast(order_count as {{ segmentry.type_double() }}) * 30.4375 / greatest(tenure_days, 30), 9) as orders_per_month,
    case
        when order_count > 0
            then round(coalesce(cast(discount_amount as {{ segmentry.type_double() }}) / nullif(gross_revenue + discount_amount, 0), 0), 9)
    end as discount_share,
    revenue_90d,
    revenue_365d,
    orders_90d,
    session_count,
    visit_count,
    page_views,
    items_viewed,
    cart_additions,
    cart_session_count,
    coalesce(abandoned_cart_count, 0) as abandoned_cart_count,
    weekend_session_count,
    round(cast(page_views as {{ segmentry.type_double() }}) / nullif(session_count, 0), 9) as pages_per_session,
    round(cast(session_seconds as {{ segmentry.type_double() }}) / nullif(session_count, 0), 9) as average_session_seconds,
    round(cast(bounce_count as {{ segmentry.type_double() }}) / nullif(session_count, 0), 9) as bounce_rate,
    round(cast(abandoned_cart_count as {{ segmentry.type_double() }}) / nullif(cart_session_count, 0), 9) as cart_abandonment_rate,
    preferred_hour,
    round(preferred_hour_share, 9) as preferred_hour_share,
    round(hour_entropy, 6) as hour_entropy,
    preferred_weekday,
    round(preferred_weekday_share, 9) as preferred_weekday_share,
    round(weekday_entropy, 6) as weekday_entropy,
    round(cast(weekend_session_count as {{ segmentry.type_double() }}) / nullif(session_count, 0), 9) as weekend_share,
    top_category,
    round(top_category_share, 9) as top_category_share,
    round(category_diversity, 6) as category_diversity,
    top_category_level_2,
    round(top_category_level_2_share, 9) as top_category_level_2_share,
    round(category_level_2_diversity, 6) as category_level_2_diversity,
    top_category_level_3,
    round(top_category_level_3_share, 9) as top_category_level_3_share,
    round(category_level_3_diversity, 6) as category_level_3_diversity,
    category_count,
    top_channel,
    top_device,
    round(mobile_share, 9) as mobile_share,
    first_seen_at,
    last_seen_at,
    tenure_days,
    days_since_seen,
    first_order_at,
    last_order_at,
    recency_days,
    round(gap_mean, 9) as gap_mean,
    round(gap_sd, 9) as gap_sd,
    round(gap_cv, 9) as gap_cv,
    round(regularity, 9) as regularity,
    behaviour_type,
    probability_alive,
    churn_risk,
    expected_purchases,
    expected_value,
    clv,
    clv_method,
    churn_method,
    clv_method <> 'heuristic' as model_fit_ok,
    case
        when clv <= 0 then 'D'
        when clv_before < clv_total * 0.5 then 'A'
        when clv_before < clv_total * 0.8 then 'B'
        else 'C'
    end as value_tier,
    merged_id_count
from cumulated
