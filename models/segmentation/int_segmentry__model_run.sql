-- The run whose scaler, centroids and tests this run goes by: itself, or the newest refit where customers are only assigned.
{% set kept = segmentry.kept_by_refit('int_segmentry__centroid_history') %}
{% if kept %}
{{ segmentry.newest_refit(kept) }}
{% else %}
select
    run.run_id,
    run.as_of,
    run.recorded_at,
    cast(null as {{ segmentry.type_double() }}) as far_distance
from {{ ref('int_segmentry__run') }} as run
{% endif %}
