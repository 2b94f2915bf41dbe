{% for model in ['int_segmentry__robustness_replicated', 'int_segmentry__windows_replicated'] %}
select
    test,
    variant,
    replicate,
    cluster,
    score,
    ari,
    coverage,
    reason
from {{ ref(model) }}
{{ 'union all' if not loop.last }}
{% endfor %}
