{# Aggregate: the value that a share of the rows lies below, between two rows where it falls between them. #}
{% macro percentile(expression, share) -%}
    {{ return(adapter.dispatch('percentile', 'segmentry')(expression, share)) }}
{%- endmacro %}

{% macro default__percentile(expression, share) -%}
    percentile_cont({{ share }}) within group (order by {{ expression }})
{%- endmacro %}

{# Approximate there, as an aggregate. https://cloud.google.com/bigquery/docs/reference/standard-sql/approximate_aggregate_functions#approx_quantiles #}
{% macro bigquery__percentile(expression, share) -%}
    approx_quantiles({{ expression }}, 1000)[offset({{ (share * 1000) | round | int }})]
{%- endmacro %}

{# Approximate there. https://trino.io/docs/current/functions/aggregate.html#approx_percentile #}
{% macro trino__percentile(expression, share) -%}
    approx_percentile({{ expression }}, {{ share }})
{%- endmacro %}
