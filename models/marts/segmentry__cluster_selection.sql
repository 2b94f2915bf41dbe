{{ config(alias='cluster_selection') }}

select
    cast(selection.k as {{ dbt.type_bigint() }}) as k,
    cast(selection.inertia as {{ segmentry.type_double() }}) as inertia,
    cast(selection.silhouette as {{ segmentry.type_double() }}) as silhouette,
    cast(selection.smallest_share as {{ segmentry.type_double() }}) as smallest_share,
    cast(selection.is_elbow as boolean) as is_elbow,
    cast(selection.is_silhouette_best as boolean) as is_silhouette_best,
    cast(selection.prediction_strength as {{ segmentry.type_double() }}) as prediction_strength,
    cast(selection.minimum_jaccard as {{ segmentry.type_double() }}) as minimum_jaccard,
    cast(selection.sample_silhouette as {{ segmentry.type_double() }}) as sample_silhouette,
    cast(selection.silhouette_bar as {{ segmentry.type_double() }}) as silhouette_bar,
    cast(selection.sample_jaccard as {{ segmentry.type_double() }}) as sample_jaccard,
    cast(selection.jaccard_bar as {{ segmentry.type_double() }}) as jaccard_bar,
    cast(selection.kind as {{ dbt.type_string() }}) as kind,
    cast(selection.is_chosen as boolean) as is_chosen,
    cast(selection.reason as {{ dbt.type_string() }}) as reason,
    cast(model_run.run_id as {{ dbt.type_string() }}) as model_run_id,
    cast(run.run_id as {{ dbt.type_string() }}) as run_id
from {{ ref('int_segmentry__k_selected') }} as selection
cross join {{ ref('int_segmentry__model_run') }} as model_run
cross join {{ ref('int_segmentry__run') }} as run
where selection.k is not null
