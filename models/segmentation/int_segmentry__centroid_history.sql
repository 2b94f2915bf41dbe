-- The model of every refit, for runs that only assign: scaler and centroids, the ids and names of the segments, and how far from their centroid
-- all but one customer in a hundred were.
{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='run_id', full_refresh=false, on_schema_change='append_new_columns') }}

with distances as (
    select round({{ segmentry.percentile('distance', 0.99) }}, 10) as far_distance
    from {{ ref('int_segmentry__members_assigned') }}
)

select
    cast(run.run_id as {{ dbt.type_string() }}) as run_id,
    cast(run.as_of as {{ dbt.type_timestamp() }}) as as_of,
    cast(run.recorded_at as {{ dbt.type_timestamp() }}) as recorded_at,
    cast(centroids.cluster as {{ dbt.type_bigint() }}) as cluster,
    cast(centroids.feature as {{ dbt.type_string() }}) as feature,
    cast(case centroids.feature
        {% for feature in var('segmentry_features') %}
        when '{{ feature.name }}' then '{{ segmentry.feature_definition(feature) }}'
        {% endfor %}
    end as {{ dbt.type_string() }}) as feature_definition,
    cast(centroids.mean as {{ segmentry.type_double() }}) as mean,
    cast(centroids.scale as {{ segmentry.type_double() }}) as scale,
    cast(centroids.is_dropped as boolean) as is_dropped,
    cast(centroids.drop_reason as {{ dbt.type_string() }}) as drop_reason,
    cast(centroids.centroid as {{ segmentry.type_double() }}) as centroid,
    cast(centroids.centroid_raw as {{ segmentry.type_double() }}) as centroid_raw,
    cast(centroids.cluster_size as {{ dbt.type_bigint() }}) as cluster_size,
    cast(centroids.inertia as {{ segmentry.type_double() }}) as inertia,
    cast(matches.segment_id as {{ dbt.type_string() }}) as segment_id,
    cast(names.segment_name as {{ dbt.type_string() }}) as segment_name,
    cast(names.name_basis as {{ dbt.type_string() }}) as name_basis,
    cast(distances.far_distance as {{ segmentry.type_double() }}) as far_distance
from {{ ref('int_segmentry__centroids_fitted') }} as centroids
inner join {{ ref('int_segmentry__segments_matched') }} as matches
    on centroids.cluster = matches.cluster
inner join {{ ref('int_segmentry__segments_named') }} as names
    on centroids.cluster = names.cluster
cross join distances
cross join {{ ref('int_segmentry__run') }} as run
where {{ '1 = 1' if var('segmentry_mode') == 'refit' else '1 = 0' }}
