{# The merges that count, one row per pair of ids: what was said last about the pair decides (an unmerge closes it), and among several targets of
   one old id the conflict policy ranks; rank 1 is the edge, the others are conflicts. The order is total, so that the order of rows never matters.
   With `cutoffs` (a relation with the columns of `keys` and cutoff_at) the answer is given per key, as it was known at that time: later merges
   are left out before any policy is applied. #}
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

    ordered_statements as (
        select
            countable_merges.*,
            row_number() over (
                partition by {{ key_list }}old_id, new_id
                order by merged_at desc, ingested_at desc nulls last, operation desc, source
            ) as recency,
            row_number() over (
                partition by {{ key_list }}old_id, new_id, operation
                order by merged_at, ingested_at nulls last, source
            ) as seniority
        from countable_merges
    ),

    open_pairs as (
        select
            {{ key_list }}
            old_id,
            new_id,
            min(case when operation = 'merge' then merged_at end) as first_seen_at,
            max(case when operation = 'merge' then merged_at end) as last_seen_at,
            {# A repeated merge competes with its last statement under latest, with its first under earliest. #}
            max(case when operation = 'merge' and {{ 'recency' if policy == 'latest' else 'seniority' }} = 1 then ingested_at end) as ingested_at,
            max(case when recency = 1 then source end) as source,
            sum(case when operation = 'merge' then 1 else 0 end) as seen_count
        from ordered_statements
        group by {{ key_list }}old_id, new_id
        having max(case when recency = 1 then operation end) = 'merge'
    )

    select
        {{ key_list }}
        old_id,
        new_id,
        {{ 'last_seen_at' if policy == 'latest' else 'first_seen_at' }} as merged_at,
        first_seen_at,
        last_seen_at,
        cast(seen_count as {{ dbt.type_bigint() }}) as seen_count,
        source,
        cast(row_number() over (
            partition by {{ key_list }}old_id
            order by
                {% if policy == 'latest' %}last_seen_at desc, ingested_at desc nulls last, new_id
                {% else %}first_seen_at, ingested_at nulls last, new_id{% endif %}
        ) as {{ dbt.type_bigint() }}) as conflict_rank
    from open_pairs
{%- endmacro %}
