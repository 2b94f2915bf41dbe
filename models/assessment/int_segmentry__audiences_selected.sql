with segment_categories as (
    select
        segment_id,
        candidate as category
    from {{ ref('int_segmentry__actions_scored') }}
    where dimension = 'what' and candidate_rank = 1 and is_actionable
)

select
    reached.customer_id,
    reached.segment_id,
    reached.segment_name,
    coalesce(segment_categories.category, profiles.top_category) as action,
    reached.channel,
    cast(profiles.preferred_weekday as {{ dbt.type_int() }}) as best_weekday,
    cast(profiles.preferred_hour as {{ dbt.type_int() }}) as best_hour,
    {{ segmentry.is_holdout('reached.customer_id') }} as is_holdout
from {{ ref('int_segmentry__members_reached') }} as reached
inner join {{ ref('int_segmentry__viability_scored') }} as viability
    on reached.segment_id = viability.segment_id
inner join {{ ref('int_segmentry__profiles_joined') }} as profiles
    on reached.customer_id = profiles.customer_id
left outer join segment_categories
    on reached.segment_id = segment_categories.segment_id
where viability.is_production_ready and reached.is_contactable
