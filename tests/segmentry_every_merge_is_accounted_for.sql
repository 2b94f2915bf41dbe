-- Rows in = rejects + statements about pairs that were merged; every such pair is an edge, lost a conflict, or was taken back.
with statements as (
    select
        old_id,
        new_id,
        case when operation = 'merge' then 1 else 0 end as is_merge
    from {{ ref('int_segmentry__id_merges_typed') }}
    where
        reject_reason is null
    {% if var('segmentry_merge_as_of') %}
        and merged_at < cast('{{ var("segmentry_merge_as_of") }}' as {{ dbt.type_timestamp() }})
    {% endif %}
),

pairs as (
    select
        old_id,
        new_id,
        sum(is_merge) as merge_count,
        count(*) as statement_count
    from statements
    group by old_id, new_id
    having sum(is_merge) > 0
),

totals as (
    select
        (select count(*) from {{ ref('int_segmentry__id_merges_typed') }}) as rows_in,
        (select count(*) from {{ ref('segmentry__id_merge_rejects') }}) as rows_rejected,
        (select coalesce(sum(statement_count), 0) from pairs) as rows_used
)

select
    'rows in differ from rows used and rejected' as finding,
    cast(rows_in as {{ dbt.type_string() }}) as old_id,
    cast(rows_used + rows_rejected as {{ dbt.type_string() }}) as new_id
from totals
where rows_in <> rows_used + rows_rejected
union all
select
    'a pair is lost, or counted wrongly' as finding,
    pairs.old_id,
    pairs.new_id
from pairs
left join {{ ref('int_segmentry__merge_edges_ranked') }} as edges
    on pairs.old_id = edges.old_id and pairs.new_id = edges.new_id
where
    (edges.old_id is null and pairs.merge_count = pairs.statement_count)
    or edges.seen_count <> pairs.merge_count
union all
select
    'an edge comes from nowhere' as finding,
    edges.old_id,
    edges.new_id
from {{ ref('int_segmentry__merge_edges_ranked') }} as edges
left join pairs
    on edges.old_id = pairs.old_id and edges.new_id = pairs.new_id
where pairs.old_id is null
