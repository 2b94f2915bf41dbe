{% set weekdays = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] %}
with members as (
    select
        identified.segment_id,
        profiles.top_category,
        case profiles.preferred_weekday
            {%- for weekday in weekdays %}
            when {{ loop.index }} then '{{ weekday }}'
            {%- endfor %}
        end as weekday,
        case
            when profiles.preferred_hour < 10 then '0' || cast(profiles.preferred_hour as {{ dbt.type_string() }}) || ':00'
            else cast(profiles.preferred_hour as {{ dbt.type_string() }}) || ':00'
        end as hour_of_day,
        {{ segmentry.contact_channel('profiles.top_channel') }} as contact_channel,
        profiles.value_tier
    from {{ ref('int_segmentry__members_identified') }} as identified
    inner join {{ ref('int_segmentry__profiles_joined') }} as profiles
        on identified.customer_id = profiles.customer_id
),

segment_sizes as (
    select
        segment_id,
        count(*) as customer_count,
        sum(count(*)) over () as population_count
    from members
    group by segment_id
),

-- A weekday alone stands in where no weekday with its hour stands out, and for customers whose hours are unknown.
preferences as (
    select
        segment_id,
        'what' as dimension,
        top_category as candidate,
        false as is_stand_in
    from members
    union all
    select
        segment_id,
        'when' as dimension,
        weekday || ' ' || hour_of_day as candidate,
        false as is_stand_in
    from members
    union all
    select
        segment_id,
        'when' as dimension,
        weekday as candidate,
        true as is_stand_in
    from members
    union all
    select
        segment_id,
        'how' as dimension,
        contact_channel as candidate,
        false as is_stand_in
    from members
    union all
    -- Tier D are customers without expected value: nobody addresses them first.
    select
        segment_id,
        'who' as dimension,
        case when value_tier <> 'D' then value_tier end as candidate,
        false as is_stand_in
    from members
),

preference_counts as (
    select
        segment_id,
        dimension,
        candidate,
        is_stand_in,
        count(*) as support_count,
        sum(count(*)) over (partition by dimension, candidate) as population_support_count
    from preferences
    where trim(candidate) <> ''
    group by segment_id, dimension, candidate, is_stand_in
),

-- Few customers, or a text that looks like a person's address, must not leave the warehouse as a candidate.
candidates as (
    select
        preference_counts.segment_id,
        preference_counts.dimension,
        preference_counts.candidate,
        preference_counts.is_stand_in,
        preference_counts.support_count,
        cast(preference_counts.support_count as {{ segmentry.type_double() }}) / segment_sizes.customer_count as candidate_share,
        cast(preference_counts.population_support_count as {{ segmentry.type_double() }}) / segment_sizes.population_count as population_share
    from preference_counts
    inner join segment_sizes
        on preference_counts.segment_id = segment_sizes.segment_id
    where
        preference_counts.support_count >= {{ var('segmentry_minimum_support') }}
        and not {{ segmentry.looks_personal('preference_counts.candidate') }}
),

-- Strength: the geometric mean of how many prefer it (share) and how far that is not the base (1 - 1 / lift).
scored as (
    select
        segment_id,
        dimension,
        candidate,
        is_stand_in,
        support_count,
        round(candidate_share, 6) as candidate_share,
        round(population_share, 6) as population_share,
        round(candidate_share / population_share, 6) as lift,
        round(sqrt(greatest(candidate_share - population_share, 0)), 6) as strength
    from candidates
),

judged as (
    select
        segment_id,
        dimension,
        candidate,
        is_stand_in,
        support_count,
        candidate_share,
        population_share,
        lift,
        strength,
        lift >= {{ var('segmentry_action_lift') }} and candidate_share >= {{ var('segmentry_action_share') }} as is_actionable
    from scored
),

compared as (
    select
        judged.*,
        max(case when judged.is_actionable and not judged.is_stand_in then 1 else 0 end)
            over (partition by judged.segment_id, judged.dimension) as has_precise_action
    from judged
),

ranked as (
    select
        compared.*,
        row_number() over (
            partition by compared.segment_id, compared.dimension
            order by case when compared.is_actionable then 0 else 1 end asc, compared.strength desc, compared.candidate asc
        ) as candidate_rank
    from compared
    where not compared.is_stand_in or compared.has_precise_action = 0
),

dimensions as (
    {%- for dimension in ['what', 'when', 'how', 'who'] %}
    select '{{ dimension }}' as dimension
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    segment_sizes.segment_id,
    dimensions.dimension,
    cast(coalesce(ranked.candidate_rank, 1) as {{ dbt.type_int() }}) as candidate_rank,
    ranked.candidate,
    ranked.candidate_share,
    ranked.population_share,
    ranked.lift,
    cast(coalesce(ranked.support_count, 0) as {{ dbt.type_bigint() }}) as support_count,
    cast(coalesce(ranked.strength, 0) as {{ segmentry.type_double() }}) as strength,
    coalesce(ranked.is_actionable, false) as is_actionable
from segment_sizes
cross join dimensions
left outer join ranked
    on segment_sizes.segment_id = ranked.segment_id and dimensions.dimension = ranked.dimension and ranked.candidate_rank <= 3
