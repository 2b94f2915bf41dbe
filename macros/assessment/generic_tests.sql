{# Rows of `model` that break a condition which must hold for each of them; NULL counts as broken. #}
{% test holds(model, condition) %}
    select *
    from {{ model }}
    where not coalesce({{ condition }}, false)
{% endtest %}

{# One row when no row of `model` has `value` in the column. #}
{% test has_value(model, column_name, value) %}
    select count(*) as row_count
    from {{ model }}
    where {{ column_name }} = {{ dbt.string_literal(value) }}
    having count(*) = 0
{% endtest %}

{# Values that are no validation rule: a waiver for a rule that does not exist would be ignored in silence. #}
{% test is_validation_rule(model, column_name) %}
    select {{ column_name }}
    from {{ model }}
    where {{ column_name }} not in ({% for rule in segmentry.validation_rules() %}'{{ rule.rule }}'{{ ', ' if not loop.last }}{% endfor %})
{% endtest %}
