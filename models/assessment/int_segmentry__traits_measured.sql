-- What the traits are read from: measures from 0 to 1, and the observations behind them; the macro `traits` says which belongs to which.
with category_events as (
    select
        customer_id,
        sum(view_count + cart_count + purchase_count) as category_event_count
    from {{ ref('int_segmentry__affinity_counted') }}
    where category_level = 1
    group by customer_id
),

quarters_of_years as (
    select
        purchase_days.customer_id,
        extract(quarter from purchase_days.order_date) as order_quarter,
        extract(year from purchase_days.order_date) as order_year,
        count(*) as day_count
    from {{ ref('int_segmentry__purchase_days_built') }} as purchase_days
    inner join {{ ref('int_segmentry__run') }} as run
        on purchase_days.order_date <= run.observation_end_date
    group by purchase_days.customer_id, extract(quarter from purchase_days.order_date), extract(year from purchase_days.order_date)
),

quarters as (
    select
        customer_id,
        order_quarter,
        sum(day_count) as day_count,
        count(*) as year_count
    from quarters_of_years
    group by customer_id, order_quarter
),

quarters_ranked as (
    select
        customer_id,
        day_count,
        year_count,
        sum(day_count) over (partition by customer_id) as customer_day_count,
        row_number() over (partition by customer_id order by day_count desc, order_quarter asc) as quarter_rank
    from quarters
),

-- A season is what comes back: four orders in one December are a busy month, not a season.
seasons as (
    select
        customer_id,
        customer_day_count as order_day_count,
        case when year_count >= 2 then cast(day_count as {{ segmentry.type_double() }}) / customer_day_count end as season_share
    from quarters_ranked
    where quarter_rank = 1
)

select
    profiles.customer_id,
    profiles.order_count,
    profiles.session_count,
    profiles.cart_session_count,
    category_events.category_event_count,
    seasons.order_day_count,
    percent_rank() over (order by profiles.clv) as clv_rank,
    percent_rank() over (order by cast(profiles.session_count as {{ segmentry.type_double() }}) / greatest(profiles.tenure_days, 30)) as visit_rank,
    case
        when profiles.recency_days >= {{ var('segmentry_trait_dormant_days') }}
            then percent_rank() over (order by profiles.net_revenue)
    end as dormant_revenue_rank,
    case when profiles.recency_days < {{ var('segmentry_trait_dormant_days') }} then profiles.churn_risk end as open_churn_risk,
    profiles.cart_abandonment_rate,
    profiles.top_category_share,
    profiles.discount_share,
    1 - cast(least(profiles.order_count, profiles.session_count) as {{ segmentry.type_double() }}) / nullif(profiles.session_count, 0)
        as no_order_share,
    profiles.weekend_share,
    case
        when profiles.preferred_hour in ({{ var('segmentry_trait_early_hours') | join(', ') }}) then profiles.preferred_hour_share
    end as early_share,
    case
        when profiles.preferred_hour in ({{ var('segmentry_trait_night_hours') | join(', ') }}) then profiles.preferred_hour_share
    end as night_share,
    seasons.season_share,
    profiles.mobile_share,
    1 - profiles.mobile_share as desktop_share
from {{ ref('int_segmentry__profiles_joined') }} as profiles
left outer join category_events
    on profiles.customer_id = category_events.customer_id
left outer join seasons
    on profiles.customer_id = seasons.customer_id
