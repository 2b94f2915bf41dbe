-- What the traits are read from: measures from 0 to 1, and the observations behind them; the macro `traits` says which belongs to which.
{% set quarters = [1, 2, 3, 4] %}
with category_events as (
    select
        customer_id,
        sum(view_count + cart_count + purchase_count) as category_event_count
    from {{ ref('int_segmentry__affinity_counted') }}
    where category_level = 1
    group by customer_id
),

order_days as (
    select
        purchase_days.customer_id,
        extract(quarter from purchase_days.order_date) as order_quarter,
        extract(year from purchase_days.order_date) as order_year
    from {{ ref('int_segmentry__purchase_days_built') }} as purchase_days
    inner join {{ ref('int_segmentry__run') }} as run
        on purchase_days.order_date <= run.observation_end_date
),

-- One pass over the days: grouping by quarter and year first and ranking then would be three.
quarters as (
    select
        customer_id,
        {%- for quarter in quarters %}
        sum(case when order_quarter = {{ quarter }} then 1 else 0 end) as day_count_{{ quarter }},
        min(case when order_quarter = {{ quarter }} then order_year end) as first_year_{{ quarter }},
        max(case when order_quarter = {{ quarter }} then order_year end) as last_year_{{ quarter }},
        {%- endfor %}
        count(*) as order_day_count
    from order_days
    group by customer_id
),

best_quarters as (
    select
        quarters.*,
        greatest({% for quarter in quarters %}day_count_{{ quarter }}{{ ', ' if not loop.last }}{% endfor %}) as day_count
    from quarters
),

-- A season is what comes back: four orders in one December are a busy month, not a season. Ties go to the earliest quarter.
seasons as (
    select
        customer_id,
        order_day_count,
        case
            when
                case
                    {%- for quarter in quarters %}
                    when day_count_{{ quarter }} = day_count then last_year_{{ quarter }} > first_year_{{ quarter }}
                    {%- endfor %}
                end
                then cast(day_count as {{ segmentry.type_double() }}) / order_day_count
        end as season_share
    from best_quarters
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
        when profiles.preferred_hour in ({{ (var('segmentry_trait_early_hours') | join(', ')) or 'null' }}) then profiles.preferred_hour_share
    end as early_share,
    case
        when profiles.preferred_hour in ({{ (var('segmentry_trait_night_hours') | join(', ')) or 'null' }}) then profiles.preferred_hour_share
    end as night_share,
    seasons.season_share,
    profiles.mobile_share,
    1 - profiles.mobile_share as desktop_share
from {{ ref('int_segmentry__profiles_joined') }} as profiles
left outer join category_events
    on profiles.customer_id = category_events.customer_id
left outer join seasons
    on profiles.customer_id = seasons.customer_id
