-- One method of value and one of churn is in use, customers carry it, and the heuristic has no parameters (NULL, not NaN).
with methods as (
    select
        count(case when is_clv_method then 1 end) as clv_method_count,
        count(case when is_churn_method then 1 end) as churn_method_count,
        max(case when is_clv_method then method end) as clv_method,
        max(case when is_churn_method then method end) as churn_method,
        count(case when method = 'heuristic' and r is not null then 1 end) as false_parameter_count
    from {{ ref('segmentry__clv_fit') }}
)

-- Methods come first, so that a wrong count is found without customers too.
select
    customers.customer_id,
    methods.clv_method_count,
    methods.churn_method_count,
    methods.false_parameter_count
from methods
left join {{ ref('segmentry__customers') }} as customers
    on true
where
    methods.clv_method_count <> 1
    or methods.churn_method_count <> 1
    or methods.false_parameter_count > 0
    or customers.clv_method not in (methods.clv_method, 'heuristic')
    or customers.churn_method <> methods.churn_method
