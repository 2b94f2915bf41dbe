{# The value that a customer shows most often, its share and the evenness of all values. `counts` has customer_id, `value` (a text, or one of
   `value_count` whole numbers) and `weight` (a whole number); `value_count` see `evenness`. Grain: customer_id. #}
{% macro preference(counts, value_count=none) -%}
    with totals as (
        select
            customer_id,
            {{ segmentry.heaviest_number('value', 'weight') if value_count else segmentry.heaviest_value('value', 'weight') }} as top_value,
            max(weight) as top_weight,
            sum(weight) as total_weight,
            count(*) as distinct_count,
            {{ segmentry.weighted_logs('weight') }} as weighted_logs
        from {{ counts }}
        where value is not null and weight > 0
        group by customer_id
    )

    select
        customer_id,
        top_value,
        cast(top_weight as {{ segmentry.type_double() }}) / total_weight as top_share,
        {{ segmentry.evenness('total_weight', 'weighted_logs', 'distinct_count', value_count) }} as entropy
    from totals
{%- endmacro %}

{# Aggregate: the text with the largest weight (a whole number below a billion), the least text of those that tie, so the answer never depends on the
   order of rows. One least text of weight and value together saves the window over all values that a rank would need. #}
{% macro heaviest_value(value, weight) -%}
    substring(min(cast(1999999999 - {{ weight }} as {{ dbt.type_string() }}) || {{ value }}), 11)
{%- endmacro %}

{# The same of whole numbers, with the least of those that tie; numbers and weights are below a billion. #}
{% macro heaviest_number(value, weight) -%}
    mod(min((999999999 - {{ weight }}) * 1000000000 + {{ value }}), 1000000000)
{%- endmacro %}

{# Aggregate: the sum of weight x ln(weight), exact, for `evenness`. #}
{% macro weighted_logs(weight) -%}
    sum(cast({{ weight }} * ln({{ weight }}) as decimal(18, 6)))
{%- endmacro %}

{# Entropy / ln(`value_count`, or the number of distinct values where that is none): 0 for one value alone, 1 when all are equally frequent, NULL when
   there is none. #}
{% macro evenness(total_weight, weighted_logs, distinct_count, value_count=none) -%}
    case
        when {{ distinct_count }} = 1 then 0
        when {{ distinct_count }} > 1
            then (ln({{ total_weight }}) - cast({{ weighted_logs }} as {{ segmentry.type_double() }}) / {{ total_weight }})
                / {% if value_count %}ln({{ value_count }}){% else %}ln({{ distinct_count }}){% endif %}
    end
{%- endmacro %}
