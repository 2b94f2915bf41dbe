{# The start of this run plus a day, UTC: the only use of the clock. A single event in 2099 must not make everybody churn. #}
{% macro latest_plausible_time() -%}
    cast('{{ (run_started_at + modules.datetime.timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S") }}' as {{ dbt.type_timestamp() }})
{%- endmacro %}
