-- depends_on: {{ ref('int_segmentry__model_run') }}
-- The robustness tests of the refit by which customers are assigned. No row in a refit.
{% set kept = segmentry.kept_by_refit('int_segmentry__replicate_history') %}
{% if kept %}
select
    kept.test,
    kept.variant,
    kept.replicate,
    kept.cluster,
    kept.score,
    kept.ari,
    kept.coverage,
    kept.reason
from {{ kept }} as kept
inner join {{ ref('int_segmentry__model_run') }} as model_run
    on kept.run_id = model_run.run_id
{% else %}
select
    cast(null as {{ dbt.type_string() }}) as test,
    cast(null as {{ dbt.type_string() }}) as variant,
    cast(null as {{ dbt.type_bigint() }}) as replicate,
    cast(null as {{ dbt.type_bigint() }}) as cluster,
    cast(null as {{ segmentry.type_double() }}) as score,
    cast(null as {{ segmentry.type_double() }}) as ari,
    cast(null as {{ segmentry.type_double() }}) as coverage,
    cast(null as {{ dbt.type_string() }}) as reason
from {{ ref('int_segmentry__model_run') }}
where 1 = 0
{% endif %}
