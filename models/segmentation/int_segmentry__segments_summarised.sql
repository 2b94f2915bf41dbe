with member_values as (
    select
        members.cluster,
        members.segment_id,
        members.segment_name,
        profiles.clv,
        profiles.gross_revenue,
        profiles.net_revenue,
        profiles.order_count,
        profiles.churn_risk,
        cast(round(profiles.clv * profiles.churn_risk, 2) as {{ segmentry.type_money() }}) as value_at_stake
    from {{ ref('int_segmentry__members_identified') }} as members
    inner join {{ ref('int_segmentry__profiles_joined') }} as profiles
        on members.customer_id = profiles.customer_id
),

totals as (
    select
        cluster,
        segment_id,
        segment_name,
        cast(count(*) as {{ dbt.type_bigint() }}) as customer_count,
        cast(sum(clv) as {{ segmentry.type_money() }}) as total_clv,
        sum(clv * clv) as clv_square_sum,
        cast(sum(gross_revenue) as {{ segmentry.type_money() }}) as gross_revenue,
        cast(sum(net_revenue) as {{ segmentry.type_money() }}) as net_revenue,
        cast(sum(order_count) as {{ dbt.type_bigint() }}) as order_count,
        {{ segmentry.exact_mean('churn_risk') }} as average_churn_risk,
        cast(coalesce(sum(value_at_stake), 0) as {{ segmentry.type_money() }}) as value_at_stake_amount
    from member_values
    group by cluster, segment_id, segment_name
),

-- Half of a 95 % interval of the total, were as many customers of the same kind drawn anew: 1.96 sqrt(n) standard deviations; sums are exact.
spreads as (
    select
        totals.*,
        1.96 * sqrt(greatest(
            cast(clv_square_sum as {{ segmentry.type_double() }}) - cast(total_clv as {{ segmentry.type_double() }}) * total_clv / customer_count, 0
        ) * customer_count / nullif(customer_count - 1, 0)) as clv_margin
    from totals
),

retired as (
    select
        merged_into as segment_id,
        {{ segmentry.join_texts('segment_id', ', ', 'segment_id') }} as merged_from
    from {{ ref('int_segmentry__segments_matched') }}
    where merged_into is not null
    group by merged_into
),

chosen as (
    select max(kind) as segmentation_kind
    from {{ ref('int_segmentry__k_selected') }}
    where is_chosen
),

population as (
    select
        sum(customer_count) as customer_count,
        sum(total_clv) as total_clv
    from totals
)

select
    totals.cluster,
    totals.segment_id,
    totals.segment_name,
    matches.matched_by,
    matches.match_score,
    matches.split_from,
    coalesce(retired.merged_from, '') as merged_from,
    totals.customer_count,
    round(cast(totals.customer_count as {{ segmentry.type_double() }}) / population.customer_count, 9) as customer_share,
    totals.total_clv,
    case
        when totals.clv_margin is not null then cast(round(greatest(totals.total_clv - totals.clv_margin, 0), 2) as {{ segmentry.type_money() }})
    end as total_clv_low,
    cast(round(totals.total_clv + totals.clv_margin, 2) as {{ segmentry.type_money() }}) as total_clv_high,
    cast(round(totals.total_clv / totals.customer_count, 2) as {{ segmentry.type_money() }}) as average_clv,
    round(cast(totals.total_clv as {{ segmentry.type_double() }}) / nullif(population.total_clv, 0), 9) as clv_share,
    totals.gross_revenue,
    totals.net_revenue,
    totals.order_count,
    round(cast(totals.gross_revenue as {{ segmentry.type_double() }}) / nullif(totals.order_count, 0), 6) as average_order_value,
    round(totals.average_churn_risk, 6) as average_churn_risk,
    totals.value_at_stake_amount,
    robustness.overall_robustness,
    robustness.weakest_test,
    chosen.segmentation_kind,
    coalesce(robustness.verdict, 'unknown') as verdict,
    coalesce(robustness.confidence_level, 'unknown') as confidence_level,
    coalesce(robustness.missing_tests, '') as missing_tests,
    robustness.worst_block,
    robustness.worst_block_score as worst_block_jaccard
from spreads as totals
cross join population
cross join chosen
inner join {{ ref('int_segmentry__segments_matched') }} as matches
    on totals.cluster = matches.cluster
left join retired
    on totals.segment_id = retired.segment_id
left join {{ ref('int_segmentry__robustness_decided') }} as robustness
    on totals.cluster = robustness.cluster
