{# When a customer came, was seen, and how regularly the customer buys. Gaps are whole days, so their mean and deviation come from exact sums.
   `span` has the columns of `keys` but customer_id, and observation_end_date. Grain: `keys`. #}
{% macro lifecycle(events, purchase_days, orders, span, keys) -%}
    {%- set key_list = keys | join(', ') -%}
    {%- set span_keys = keys | reject('equalto', 'customer_id') | list -%}
    with presence as (
        select
            {{ key_list }},
            min(event_at) as first_seen_at,
            max(event_at) as last_seen_at,
            cast(sum(case when event_type = 'refund' then amount else 0 end) as {{ segmentry.type_money() }}) as refund_amount
        from {{ events }}
        group by {{ key_list }}
    ),

    order_times as (
        select
            {{ key_list }},
            min(ordered_at) as first_order_at,
            max(ordered_at) as last_order_at,
            max(ordered_local_at) as last_order_local_at
        from {{ orders }}
        group by {{ key_list }}
    ),

    gaps as (
        select
            {{ key_list }},
            order_date,
            {{ dbt.datediff("lag(order_date) over (partition by " ~ key_list ~ " order by order_date)", "order_date", "day") }} as gap_days
        from {{ purchase_days }}
    ),

    gap_sums as (
        select
            {{ key_list }},
            count(*) as purchase_day_count,
            min(order_date) as first_order_date,
            max(order_date) as last_order_date,
            count(gap_days) as gap_count,
            sum(gap_days) as gap_sum,
            sum(gap_days * gap_days) as gap_square_sum
        from gaps
        group by {{ key_list }}
    ),

    gap_statistics as (
        select
            gap_sums.*,
            cast(gap_sum as {{ segmentry.type_double() }}) / nullif(gap_count, 0) as gap_mean,
            case
                when gap_count >= 2
                    then sqrt(cast(gap_count * gap_square_sum - gap_sum * gap_sum as {{ segmentry.type_double() }}) / (gap_count * (gap_count - 1)))
            end as gap_sd
        from gap_sums
    )

    select
        {% for key in keys %}presence.{{ key }},
        {% endfor %}
        presence.first_seen_at,
        presence.last_seen_at,
        presence.refund_amount,
        cast({{ dbt.datediff(segmentry.to_local("presence.first_seen_at"), "span.observation_end_date", "day") }} as {{ dbt.type_bigint() }}) as tenure_days,
        cast({{ dbt.datediff(segmentry.to_local("presence.last_seen_at"), "span.observation_end_date", "day") }} as {{ dbt.type_bigint() }}) as days_since_seen,
        order_times.first_order_at,
        order_times.last_order_at,
        cast({{ dbt.datediff("order_times.last_order_local_at", "span.observation_end_date", "day") }} as {{ dbt.type_bigint() }}) as recency_days,
        gap_statistics.purchase_day_count,
        gap_statistics.first_order_date,
        gap_statistics.last_order_date,
        cast(gap_statistics.gap_mean as {{ segmentry.type_double() }}) as gap_mean,
        cast(gap_statistics.gap_sd as {{ segmentry.type_double() }}) as gap_sd,
        gap_statistics.gap_sd / gap_statistics.gap_mean as gap_cv,
        case
            when gap_statistics.gap_sd is not null then 1 - least(gap_statistics.gap_sd / gap_statistics.gap_mean / 2, 1)
        end as regularity,
        case
            when gap_statistics.purchase_day_count is null then 'none'
            when gap_statistics.purchase_day_count = 1 then 'one_time'
            when gap_statistics.gap_mean > 90 or gap_statistics.gap_sd / gap_statistics.gap_mean >= 1 then 'long_cycle'
            when gap_statistics.gap_sd / gap_statistics.gap_mean < 0.5 then 'regular'
            else 'irregular'
        end as behaviour_type
    from presence
    {% if span_keys -%}
    inner join {{ span }} as span
        on {% for key in span_keys %}presence.{{ key }} = span.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
    {%- else -%}
    cross join {{ span }} as span
    {%- endif %}
    left join order_times
        on {% for key in keys %}presence.{{ key }} = order_times.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}

    left join gap_statistics
        on {% for key in keys %}presence.{{ key }} = gap_statistics.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
{%- endmacro %}
