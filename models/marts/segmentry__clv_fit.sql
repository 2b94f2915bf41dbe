{{ config(alias='clv_fit') }}

select
    cast(fitted.method as {{ dbt.type_string() }}) as method,
    {% for parameter in ['r', 'alpha', 'a', 'b', 'p', 'q', 'gamma', 'log_likelihood'] %}
    cast(fitted.{{ parameter }} as {{ segmentry.type_double() }}) as {{ parameter }},
    {% endfor %}
    cast(fitted.customer_count as {{ dbt.type_bigint() }}) as customer_count,
    cast(fitted.repeat_customer_count as {{ dbt.type_bigint() }}) as repeat_customer_count,
    cast(fitted.frequency_spend_correlation as {{ segmentry.type_double() }}) as frequency_spend_correlation,
    cast(fitted.fit_ok as boolean) as fit_ok,
    cast(fitted.spend_fit_ok as boolean) as spend_fit_ok,
    cast(fitted.reason as {{ dbt.type_string() }}) as reason,
    cast(fitted.is_clv_method as boolean) as is_clv_method,
    cast(fitted.is_churn_method as boolean) as is_churn_method,
    cast(run.as_of as {{ dbt.type_timestamp() }}) as as_of,
    cast(run.run_id as {{ dbt.type_string() }}) as run_id
from {{ ref('int_segmentry__clv_fitted') }} as fitted
cross join {{ ref('int_segmentry__run') }} as run
