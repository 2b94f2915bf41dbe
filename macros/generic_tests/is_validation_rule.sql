{# Values that are no validation rule: a waiver for a rule that does not exist would be ignored in silence. #}
{% test is_validation_rule(model, column_name) %}
    select {{ column_name }}
    from {{ model }}
    where {{ column_name }} not in ({% for rule in segmentry.validation_rules() %}'{{ rule.rule }}'{{ ', ' if not loop.last }}{% endfor %})
{% endtest %}
