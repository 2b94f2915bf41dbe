-- depends_on: {{ ref('int_segmentry__model_run') }}
-- The choice of k of the refit by which customers are assigned. No row in a refit.
{% set kept = segmentry.kept_by_refit('int_segmentry__selection_history') %}
{% if kept %}
select
    kept.k,
    kept.inertia,
    kept.silhouette,
    kept.smallest_share,
    kept.is_elbow,
    kept.is_silhouette_best,
    kept.prediction_strength,
    kept.minimum_jaccard,
    kept.sample_silhouette,
    kept.silhouette_bar,
    kept.sample_jaccard,
    kept.jaccard_bar,
    kept.kind,
    kept.is_chosen,
    kept.status,
    kept.reason
from {{ kept }} as kept
inner join {{ ref('int_segmentry__model_run') }} as model_run
    on kept.run_id = model_run.run_id
{% else %}
select
    cast(null as {{ dbt.type_bigint() }}) as k,
    cast(null as {{ segmentry.type_double() }}) as inertia,
    cast(null as {{ segmentry.type_double() }}) as silhouette,
    cast(null as {{ segmentry.type_double() }}) as smallest_share,
    cast(null as boolean) as is_elbow,
    cast(null as boolean) as is_silhouette_best,
    cast(null as {{ segmentry.type_double() }}) as prediction_strength,
    cast(null as {{ segmentry.type_double() }}) as minimum_jaccard,
    cast(null as {{ segmentry.type_double() }}) as sample_silhouette,
    cast(null as {{ segmentry.type_double() }}) as silhouette_bar,
    cast(null as {{ segmentry.type_double() }}) as sample_jaccard,
    cast(null as {{ segmentry.type_double() }}) as jaccard_bar,
    cast(null as {{ dbt.type_string() }}) as kind,
    cast(null as boolean) as is_chosen,
    cast(null as {{ dbt.type_string() }}) as status,
    cast(null as {{ dbt.type_string() }}) as reason
from {{ ref('int_segmentry__model_run') }}
where 1 = 0
{% endif %}
