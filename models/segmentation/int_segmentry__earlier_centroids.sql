-- depends_on: {{ ref('int_segmentry__model_run') }}
-- Scaler, centroids, ids and names of the refit by which customers are assigned. No row in a refit.
{% set kept = segmentry.kept_by_refit('int_segmentry__centroid_history') %}
{% if kept %}
select
    kept.cluster,
    kept.feature,
    kept.mean,
    kept.scale,
    kept.is_dropped,
    kept.drop_reason,
    kept.centroid,
    kept.centroid_raw,
    kept.cluster_size,
    kept.inertia,
    kept.segment_id,
    kept.segment_name,
    kept.name_basis
from {{ kept }} as kept
inner join {{ ref('int_segmentry__model_run') }} as model_run
    on kept.run_id = model_run.run_id
{% else %}
select
    cast(null as {{ dbt.type_bigint() }}) as cluster,
    cast(null as {{ dbt.type_string() }}) as feature,
    cast(null as {{ segmentry.type_double() }}) as mean,
    cast(null as {{ segmentry.type_double() }}) as scale,
    cast(null as boolean) as is_dropped,
    cast(null as {{ dbt.type_string() }}) as drop_reason,
    cast(null as {{ segmentry.type_double() }}) as centroid,
    cast(null as {{ segmentry.type_double() }}) as centroid_raw,
    cast(null as {{ dbt.type_bigint() }}) as cluster_size,
    cast(null as {{ segmentry.type_double() }}) as inertia,
    cast(null as {{ dbt.type_string() }}) as segment_id,
    cast(null as {{ dbt.type_string() }}) as segment_name,
    cast(null as {{ dbt.type_string() }}) as name_basis
from {{ ref('int_segmentry__model_run') }}
where 1 = 0
{% endif %}
