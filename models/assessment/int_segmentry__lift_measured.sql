-- depends_on: {{ ref('int_segmentry__run') }}
-- depends_on: {{ ref('stg_segmentry__campaigns') }}
-- depends_on: {{ ref('int_segmentry__orders_built') }}
-- depends_on: {{ ref('int_segmentry__merge_map_resolved') }}
-- By intention to treat: everybody who was in the segment at the last run before the campaign, in the arm that the hash gave, whether contacted or
-- not. Interval of the difference of two shares: Newcombe's from two Wilson intervals (Statistics in Medicine 17, 1998, method 10).
{% set earlier = segmentry.earlier_relation('segmentry__segment_member_history') %}
{% set failed_run_ids = segmentry.failed_run_ids() %}
{% set double = segmentry.type_double() %}
{% set z = 1.959964 %}
{% if earlier %}
with campaigns as (
    select
        campaigns.campaign_id,
        campaigns.segment_id,
        campaigns.started_on,
        campaigns.ended_on,
        case when campaigns.ended_on < run.observation_end_date then campaigns.ended_on else run.observation_end_date end as observed_until,
        campaigns.ended_on <= run.observation_end_date as is_complete
    from {{ ref('stg_segmentry__campaigns') }} as campaigns
    cross join {{ ref('int_segmentry__run') }} as run
    where campaigns.started_on <= run.observation_end_date
),

runs_before as (
    select
        campaigns.campaign_id,
        campaigns.segment_id,
        member_history.run_id,
        row_number() over (
            partition by campaigns.campaign_id, campaigns.segment_id
            order by max(member_history.as_of) desc, max(member_history.recorded_at) desc, member_history.run_id asc
        ) as place
    from campaigns
    inner join {{ earlier }} as member_history
        on cast(member_history.as_of as date) <= campaigns.started_on
    {% if failed_run_ids -%}
    where member_history.run_id not in {{ failed_run_ids }}
    {% endif -%}
    group by campaigns.campaign_id, campaigns.segment_id, member_history.run_id
),

-- The arm is that of the id which the customer had then; of two ids that are one customer now, the one that stayed counts.
placed_members as (
    select
        runs_before.campaign_id,
        runs_before.segment_id,
        runs_before.run_id,
        coalesce(merge_map.customer_id, member_history.customer_id) as customer_id,
        {{ segmentry.is_holdout('member_history.customer_id') }} as is_holdout,
        row_number() over (
            partition by runs_before.campaign_id, runs_before.segment_id, coalesce(merge_map.customer_id, member_history.customer_id)
            order by
                case when coalesce(merge_map.customer_id, member_history.customer_id) = member_history.customer_id then 0 else 1 end,
                member_history.customer_id
        ) as place
    from runs_before
    inner join {{ earlier }} as member_history
        on runs_before.run_id = member_history.run_id and runs_before.segment_id = member_history.segment_id
    left join {{ ref('int_segmentry__merge_map_resolved') }} as merge_map
        on member_history.customer_id = merge_map.id
    where runs_before.place = 1
),

outcomes as (
    select
        placed_members.campaign_id,
        placed_members.segment_id,
        placed_members.run_id,
        placed_members.customer_id,
        placed_members.is_holdout,
        max(case when orders.order_key is not null then 1 else 0 end) as has_ordered,
        coalesce(sum(orders.gross_amount - orders.refund_amount), 0) as spent_amount
    from placed_members
    inner join campaigns
        on placed_members.campaign_id = campaigns.campaign_id and placed_members.segment_id = campaigns.segment_id
    left join {{ ref('int_segmentry__orders_built') }} as orders
        on
            placed_members.customer_id = orders.customer_id
            and cast(orders.ordered_local_at as date) >= campaigns.started_on
            and cast(orders.ordered_local_at as date) <= campaigns.observed_until
    where placed_members.place = 1
    group by
        placed_members.campaign_id, placed_members.segment_id, placed_members.run_id, placed_members.customer_id, placed_members.is_holdout
),

arms as (
    select
        campaign_id,
        segment_id,
        max(run_id) as assignment_run_id,
        sum(case when not is_holdout then 1 else 0 end) as treated_count,
        cast(sum(case when not is_holdout then has_ordered else 0 end) as {{ double }}) / nullif(sum(case when not is_holdout then 1 else 0 end), 0) as treated_share,
        cast(sum(case when not is_holdout then spent_amount else 0 end) as {{ double }}) / nullif(sum(case when not is_holdout then 1 else 0 end), 0)
            as treated_amount,
        sum(case when is_holdout then 1 else 0 end) as control_count,
        cast(sum(case when is_holdout then has_ordered else 0 end) as {{ double }}) / nullif(sum(case when is_holdout then 1 else 0 end), 0) as control_share,
        cast(sum(case when is_holdout then spent_amount else 0 end) as {{ double }}) / nullif(sum(case when is_holdout then 1 else 0 end), 0)
            as control_amount
    from outcomes
    group by campaign_id, segment_id
),

-- Wilson's interval of one share.
intervals as (
    select
        arms.*,
        {{ segmentry.wilson_bound('treated_share', 'treated_count', z, '-') }} as treated_low,
        {{ segmentry.wilson_bound('treated_share', 'treated_count', z, '+') }} as treated_high,
        {{ segmentry.wilson_bound('control_share', 'control_count', z, '-') }} as control_low,
        {{ segmentry.wilson_bound('control_share', 'control_count', z, '+') }} as control_high
    from arms
    where treated_count > 0 and control_count > 0
)

select
    campaigns.campaign_id,
    campaigns.segment_id,
    campaigns.started_on,
    campaigns.observed_until,
    campaigns.is_complete,
    arms.assignment_run_id,
    coalesce(arms.treated_count, 0) as treated_count,
    coalesce(arms.control_count, 0) as control_count,
    round(arms.treated_share, 6) as treated_order_share,
    round(arms.control_share, 6) as control_order_share,
    round(intervals.treated_share - intervals.control_share, 6) as lift,
    round(
        intervals.treated_share - intervals.control_share
        - sqrt(
            (intervals.treated_share - intervals.treated_low) * (intervals.treated_share - intervals.treated_low)
            + (intervals.control_high - intervals.control_share) * (intervals.control_high - intervals.control_share)
        ), 6
    ) as lift_low,
    round(
        intervals.treated_share - intervals.control_share
        + sqrt(
            (intervals.treated_high - intervals.treated_share) * (intervals.treated_high - intervals.treated_share)
            + (intervals.control_share - intervals.control_low) * (intervals.control_share - intervals.control_low)
        ), 6
    ) as lift_high,
    cast(round((intervals.treated_amount - intervals.control_amount) * intervals.treated_count, 2) as {{ segmentry.type_money() }}) as incremental_amount,
    case
        when arms.assignment_run_id is null then 'no run before the campaign had this segment'
        when arms.control_count = 0 then 'nobody of the segment was held out'
        when arms.treated_count = 0 then 'everybody of the segment was held out'
    end as reason
from campaigns
left join arms
    on campaigns.campaign_id = arms.campaign_id and campaigns.segment_id = arms.segment_id
left join intervals
    on campaigns.campaign_id = intervals.campaign_id and campaigns.segment_id = intervals.segment_id
{% else %}
select
    campaigns.campaign_id,
    campaigns.segment_id,
    campaigns.started_on,
    campaigns.ended_on as observed_until,
    false as is_complete,
    cast(null as {{ dbt.type_string() }}) as assignment_run_id,
    0 as treated_count,
    0 as control_count,
    cast(null as {{ double }}) as treated_order_share,
    cast(null as {{ double }}) as control_order_share,
    cast(null as {{ double }}) as lift,
    cast(null as {{ double }}) as lift_low,
    cast(null as {{ double }}) as lift_high,
    cast(null as {{ segmentry.type_money() }}) as incremental_amount,
    'no run before the campaign had this segment' as reason
from {{ ref('stg_segmentry__campaigns') }} as campaigns
{% endif %}
