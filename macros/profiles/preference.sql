{# The value that a customer shows most often, its share and the evenness of all values. Ties go to the least value, so the answer never depends
   on the order of rows. Evenness is entropy / ln(`value_count`, or the number of distinct values where that is none), in exact decimal sums.
   `counts` has customer_id, `value` and `weight` (a whole number). Grain: customer_id. #}
{% macro preference(counts, value_count=none) -%}
    with shares as (
        select
            customer_id,
            value,
            weight,
            row_number() over (partition by customer_id order by weight desc, value) as value_rank
        from {{ counts }}
        where value is not null and weight > 0
    ),

    totals as (
        select
            customer_id,
            sum(weight) as total_weight,
            count(*) as distinct_count,
            max(case when value_rank = 1 then value end) as top_value,
            max(case when value_rank = 1 then weight end) as top_weight,
            sum(cast(weight * ln(weight) as decimal(18, 6))) as weighted_logs
        from shares
        group by customer_id
    )

    select
        customer_id,
        top_value,
        distinct_count,
        cast(top_weight as {{ segmentry.type_double() }}) / total_weight as top_share,
        case
            when distinct_count = 1 then 0
            else (ln(total_weight) - cast(weighted_logs as {{ segmentry.type_double() }}) / total_weight)
                / {% if value_count %}ln({{ value_count }}){% else %}ln(distinct_count){% endif %}
        end as entropy
    from totals
{%- endmacro %}
