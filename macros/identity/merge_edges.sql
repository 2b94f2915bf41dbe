{# The merges that count, one row per pair of ids: what was said last about the pair decides (an unmerge closes it), and among several targets of
   one old id the conflict policy ranks; rank 1 is the edge, the others are conflicts. The order is total, so that the order of rows never matters.
   With `cutoffs` (a relation with the columns of `keys` and cutoff_at) the answer is given per key, as it was known at that time: later merges
   are left out before any policy is applied. Most ids are spoken of once: only the others are sorted. #}
{% macro merge_edges(history, keys=[], cutoffs=none) -%}
    {%- set key_list = keys | join(', ') ~ (', ' if keys else '') -%}
    {%- set policy = var('segmentry_conflict_policy') -%}
    with countable_merges as (
        select
            {% for key in keys %}{{ cutoffs }}.{{ key }}, {% endfor %}
            history.old_id,
            history.new_id,
            history.merged_at,
            history.ingested_at,
            history.source,
            history.operation
        from {{ history }} as history
        {% if cutoffs %}
            inner join {{ cutoffs }}
                on history.merged_at < {{ cutoffs }}.cutoff_at
        {% endif %}
        where
            history.reject_reason is null
            {% if var('segmentry_merge_as_of') %}
                and history.merged_at < cast('{{ var("segmentry_merge_as_of") }}' as {{ dbt.type_timestamp() }})
            {% endif %}
    ),

    repeated_ids as (
        select {{ key_list }}old_id
        from countable_merges
        group by {{ key_list }}old_id
        having count(*) > 1
    ),

    ordered_statements as (
        select
            countable_merges.*,
            row_number() over (
                partition by {% for key in keys %}countable_merges.{{ key }}, {% endfor %}countable_merges.old_id, countable_merges.new_id
                order by
                    countable_merges.merged_at desc, countable_merges.ingested_at desc nulls last,
                    countable_merges.operation desc, countable_merges.source
            ) as recency,
            row_number() over (
                partition by
                    {% for key in keys %}countable_merges.{{ key }}, {% endfor %}countable_merges.old_id, countable_merges.new_id,
                    countable_merges.operation
                order by countable_merges.merged_at, countable_merges.ingested_at nulls last, countable_merges.source
            ) as seniority
        from countable_merges
        inner join repeated_ids
            on
                countable_merges.old_id = repeated_ids.old_id
                {% for key in keys %} and countable_merges.{{ key }} = repeated_ids.{{ key }}{% endfor %}
    ),

    open_pairs as (
        select
            {{ key_list }}
            old_id,
            new_id,
            min(case when operation = 'merge' then merged_at end) as first_seen_at,
            max(case when operation = 'merge' then merged_at end) as last_seen_at,
            {# A repeated merge competes with its last statement under latest, with its first under earliest. #}
            max(case when operation = 'merge' and {{ 'seniority' if policy == 'earliest' else 'recency' }} = 1 then ingested_at end) as ingested_at,
            max(case when recency = 1 then source end) as source,
            sum(case when operation = 'merge' then 1 else 0 end) as seen_count
        from ordered_statements
        group by {{ key_list }}old_id, new_id
        having max(case when recency = 1 then operation end) = 'merge'
    )

    select
        {% for key in keys %}countable_merges.{{ key }}, {% endfor %}
        countable_merges.old_id,
        countable_merges.new_id,
        countable_merges.merged_at,
        countable_merges.merged_at as first_seen_at,
        countable_merges.merged_at as last_seen_at,
        cast(1 as {{ dbt.type_bigint() }}) as seen_count,
        countable_merges.source,
        cast(1 as {{ dbt.type_bigint() }}) as conflict_rank
    from countable_merges
    left join repeated_ids
        on
            countable_merges.old_id = repeated_ids.old_id
            {% for key in keys %} and countable_merges.{{ key }} = repeated_ids.{{ key }}{% endfor %}

    where repeated_ids.old_id is null and countable_merges.operation = 'merge'
    union all
    select
        {{ key_list }}
        old_id,
        new_id,
        {{ 'first_seen_at' if policy == 'earliest' else 'last_seen_at' }} as merged_at,
        first_seen_at,
        last_seen_at,
        cast(seen_count as {{ dbt.type_bigint() }}) as seen_count,
        source,
        cast(row_number() over (
            partition by {{ key_list }}old_id
            order by
                {% if policy == 'earliest' %}first_seen_at, ingested_at nulls last, new_id
                {% else %}last_seen_at desc, ingested_at desc nulls last, new_id{% endif %}
        ) as {{ dbt.type_bigint() }}) as conflict_rank
    from open_pairs
{%- endmacro %}

{# Of the ranked merges those that decide: a query with the columns that resolve_merges takes. #}
{% macro deciding_merges(ranked) -%}
    select
        old_id,
        new_id,
        merged_at
    from {{ ranked }}
    where conflict_rank = 1
{%- endmacro %}
