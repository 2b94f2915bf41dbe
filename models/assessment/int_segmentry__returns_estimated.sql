-- What one campaign to the segment costs and brings; every figure that nobody measured comes from campaign_assumptions.
with reached as (
    select
        segment_id,
        sum(case when is_contactable then 1 else 0 end) as reachable_count
    from {{ ref('int_segmentry__members_reached') }}
    group by segment_id
),

segment_channels as (
    select
        segment_id,
        lower(trim(candidate)) as channel
    from {{ ref('int_segmentry__actions_scored') }}
    where dimension = 'how' and candidate_rank = 1 and is_actionable
),

segments as (
    select
        summarised.segment_id,
        segment_channels.channel,
        summarised.total_clv,
        summarised.net_revenue,
        summarised.order_count,
        sum(summarised.net_revenue) over () as population_net_revenue,
        sum(summarised.order_count) over () as population_order_count
    from {{ ref('int_segmentry__segments_summarised') }} as summarised
    left outer join segment_channels
        on summarised.segment_id = segment_channels.segment_id
),

-- The segment's own channel where the user has assumptions for it, else the row 'default'.
assumptions_ranked as (
    select
        segments.segment_id,
        assumptions.channel,
        assumptions.fixed_cost,
        assumptions.contact_cost,
        assumptions.contacts,
        assumptions.incentive,
        assumptions.uplift_low,
        assumptions.uplift_base,
        assumptions.uplift_high,
        assumptions.gross_margin,
        assumptions.is_example,
        row_number() over (
            partition by segments.segment_id
            order by case when assumptions.channel = 'default' then 1 else 0 end, assumptions.channel
        ) as assumption_rank
    from segments
    inner join {{ ref('stg_segmentry__campaign_assumptions') }} as assumptions
        on assumptions.channel = 'default' or segments.channel = assumptions.channel
),

-- An order is worth what the segment's orders were worth after refunds; a segment without orders takes all customers' average.
campaigns as (
    select
        segments.segment_id,
        segments.total_clv,
        assumptions.channel,
        coalesce(reached.reachable_count, 0) as reachable_count,
        assumptions.contacts,
        assumptions.contact_cost,
        assumptions.fixed_cost,
        assumptions.incentive,
        assumptions.gross_margin,
        case
            when segments.order_count > 0
                then cast(segments.net_revenue as {{ segmentry.type_double() }}) / segments.order_count
            when segments.population_order_count > 0
                then cast(segments.population_net_revenue as {{ segmentry.type_double() }}) / segments.population_order_count
            else 0
        end as net_order_value,
        assumptions.uplift_low,
        assumptions.uplift_base,
        assumptions.uplift_high,
        assumptions.is_example
    from segments
    left outer join reached
        on segments.segment_id = reached.segment_id
    left outer join assumptions_ranked as assumptions
        on segments.segment_id = assumptions.segment_id and assumptions.assumption_rank = 1
),

valued as (
    select
        campaigns.*,
        cast(round(greatest(campaigns.net_order_value, 0), 2) as {{ segmentry.type_money() }}) as average_order_value
    from campaigns
),

priced as (
    select
        valued.*,
        cast(valued.fixed_cost as {{ segmentry.type_double() }}) + valued.reachable_count * valued.contacts * valued.contact_cost as spend,
        cast(valued.incentive as {{ segmentry.type_double() }}) as conversion_cost,
        cast(valued.average_order_value as {{ segmentry.type_double() }}) * valued.gross_margin as conversion_margin
    from valued
),

outcomes as (
    select
        priced.*,
        {%- for guess in ['low', 'base', 'high'] %}
        priced.reachable_count * priced.uplift_{{ guess }} as conversions_{{ guess }},
        priced.spend + priced.reachable_count * priced.uplift_{{ guess }} * priced.conversion_cost as cost_{{ guess }},
        priced.reachable_count * priced.uplift_{{ guess }} * priced.conversion_margin as margin_{{ guess }},
        {%- endfor %}
        priced.spend / nullif(priced.reachable_count * (priced.conversion_margin - priced.conversion_cost), 0) as break_even_uplift
    from priced
)

select
    segment_id,
    channel,
    cast(reachable_count as {{ dbt.type_bigint() }}) as reachable_count,
    contacts,
    contact_cost,
    fixed_cost,
    incentive,
    gross_margin,
    average_order_value,
    uplift_low,
    uplift_base,
    uplift_high,
    round(conversions_base, 6) as conversions_base,
    cast(round(cost_base, 2) as {{ segmentry.type_money() }}) as cost_amount,
    case when total_clv > 0 then round(cost_base / cast(total_clv as {{ segmentry.type_double() }}), 6) end as cost_to_clv,
    cast(round(margin_base, 2) as {{ segmentry.type_money() }}) as margin_amount,
    {%- for guess in ['low', 'base', 'high'] %}
    round((margin_{{ guess }} - cost_{{ guess }}) / nullif(cost_{{ guess }}, 0), 6) as roi_{{ guess }},
    {%- endfor %}
    case when conversion_margin > conversion_cost and break_even_uplift <= 1 then round(break_even_uplift, 6) end as break_even_uplift,
    is_example as is_shipped_assumption
from outcomes
