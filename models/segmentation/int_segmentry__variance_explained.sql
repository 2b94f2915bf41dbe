-- Does the segmentation tell more about value than one threshold does? Shares of variance between groups (eta squared), from exact sums: by the
-- segments, and by the best of nine cuts in two at the tenths of net revenue.
{% set double = segmentry.type_double() %}
with measured as (
    select
        members.segment_id,
        cast(profiles.clv as {{ double }}) as clv,
        365.25 * profiles.order_count / greatest(profiles.tenure_days, 30) as order_rate,
        ntile(10) over (order by profiles.net_revenue, profiles.customer_id) as tenth
    from {{ ref('int_segmentry__members_identified') }} as members
    inner join {{ ref('int_segmentry__profiles_joined') }} as profiles
        on members.customer_id = profiles.customer_id
),

member_values as (
    select
        segment_id,
        tenth,
        cast(clv as {{ dbt.type_numeric() }}) as clv,
        cast(round(clv * clv, 6) as {{ dbt.type_numeric() }}) as clv_square,
        cast(round(order_rate, 6) as {{ dbt.type_numeric() }}) as order_rate,
        cast(round(order_rate * order_rate, 6) as {{ dbt.type_numeric() }}) as order_rate_square
    from measured
),

group_sums as (
    {% for measure in ['clv', 'order_rate'] %}
    {% set last_measure = loop.last %}
    select
        '{{ measure }}' as measure,
        'segments' as division,
        0 as cut,
        segment_id as group_name,
        count({{ measure }}) as customer_count,
        cast(sum({{ measure }}) as {{ double }}) as total,
        cast(sum({{ measure }}_square) as {{ double }}) as square_total
    from member_values
    group by segment_id
    union all
    {% for cut in range(1, 10) %}
    select
        '{{ measure }}' as measure,
        'one_threshold' as division,
        {{ cut }} as cut,
        case when tenth <= {{ cut }} then 'low' else 'high' end as group_name,
        count({{ measure }}) as customer_count,
        cast(sum({{ measure }}) as {{ double }}) as total,
        cast(sum({{ measure }}_square) as {{ double }}) as square_total
    from member_values
    group by case when tenth <= {{ cut }} then 'low' else 'high' end
    {{ 'union all' if not (last_measure and loop.last) }}
    {% endfor %}
    {% endfor %}
),

shares as (
    select
        measure,
        division,
        cut,
        (sum(total * total / nullif(customer_count, 0)) - sum(total) * sum(total) / nullif(sum(customer_count), 0))
        / nullif(sum(square_total) - sum(total) * sum(total) / nullif(sum(customer_count), 0), 0) as variance_share
    from group_sums
    group by measure, division, cut
)

select
    measure,
    division,
    round(max(case when variance_share < 0 then 0 else variance_share end), 6) as variance_share
from shares
group by measure, division
