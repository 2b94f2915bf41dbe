{# Rows of `model` that break a condition which must hold for each of them; NULL counts as broken. #}
{% test holds(model, condition) %}
    select *
    from {{ model }}
    where not coalesce({{ condition }}, false)
{% endtest %}
