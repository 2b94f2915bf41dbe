{# One row when no row of `model` has `value` in the column. #}
{% test has_value(model, column_name, value) %}
    select count(*) as row_count
    from {{ model }}
    where {{ column_name }} = {{ dbt.string_literal(value) }}
    having count(*) = 0
{% endtest %}
