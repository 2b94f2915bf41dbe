{# What a customer shows most often, and how evenly. #}

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

{# Of counts that stand in columns, one for each of a few whole numbers (`prefix` and the number): the number with the largest count, the least of those
   that tie; that count; how many are not 0; the sum of count x ln(count). #}
{% macro heaviest_column(prefix, numbers) -%}
    mod(least({% for number in numbers %}(999999999 - {{ prefix }}{{ number }}) * 1000000000 + {{ number }}{{ ', ' if not loop.last }}{% endfor %}), 1000000000)
{%- endmacro %}

{% macro largest_column(prefix, numbers) -%}
    greatest({% for number in numbers %}{{ prefix }}{{ number }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{% macro filled_columns(prefix, numbers) -%}
    {% for number in numbers %}case when {{ prefix }}{{ number }} > 0 then 1 else 0 end{{ ' + ' if not loop.last }}{% endfor %}
{%- endmacro %}

{% macro weighted_logs_of_columns(prefix, numbers) -%}
    {% for number in numbers %}case when {{ prefix }}{{ number }} > 0 then {{ prefix }}{{ number }} * ln({{ prefix }}{{ number }}) else 0 end{{ ' + ' if not loop.last }}{% endfor %}
{%- endmacro %}

{# Entropy / ln(`value_count`, or the number of distinct values where that is none): 0 for one value alone, 1 when all are equally frequent, NULL when
   there is none. #}
{% macro evenness(total_weight, weighted_logs, distinct_count, value_count=none) -%}
    case
        when {{ distinct_count }} = 1 then 0
        when {{ distinct_count }} > 1
            then least(
                (ln({{ total_weight }}) - cast({{ weighted_logs }} as {{ segmentry.type_double() }}) / {{ total_weight }})
                / {% if value_count %}ln({{ value_count }}){% else %}ln({{ distinct_count }}){% endif %}, 1
            )
    end
{%- endmacro %}
