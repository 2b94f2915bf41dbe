{# Where each id ends, exactly and at any depth. `edges` is a query with the columns of `keys`, old_id, new_id, merged_at, one row per old_id (and
   key): a functional graph. Two algorithms give the same rows (docs/methods/identity.md); segmentry_merge_algorithm chooses, `auto` means what
   suits the engine. No depth limit in either: depth is an output, never a way to stop.
   Grain: `keys` and id, for every id of the edges. Columns: id, next_id and merged_at (its own merge; NULL for survivors), end_id and depth
   (merges to end_id), cycle_id (least id of the cycle that it is in or leads into, else NULL), cycle_length and cycle_position (for members, in
   order along the merges from the least id on). In a cycle end_id is the target of the newest merge.
   In two steps, since most histories have no cycle and all have trees: the trees, and what is not in one. #}
{% macro resolve_merges(edges, keys=[]) -%}
    with merge_trees as (
        {{ segmentry.walk_merge_trees(edges, keys) }}
    ),

    merge_cycles as (
        {{ segmentry.walk_merge_cycles(edges, 'merge_trees', keys, is_walked_here=true) }}
    )

    {{ segmentry.unite_merges('merge_trees', 'merge_cycles', keys) }}
{%- endmacro %}

{# Both steps as one answer. #}
{% macro unite_merges(trees, cycles, keys=[]) -%}
    {%- set key_list = keys | join(', ') ~ (', ' if keys else '') -%}
    select
        {{ key_list }}
        id,
        next_id,
        merged_at,
        end_id,
        depth,
        cast(null as {{ dbt.type_string() }}) as cycle_id,
        cast(null as {{ dbt.type_bigint() }}) as cycle_length,
        cast(null as {{ dbt.type_bigint() }}) as cycle_position
    from {{ trees }}
    union all
    select
        {{ key_list }}
        id,
        next_id,
        merged_at,
        end_id,
        depth,
        cycle_id,
        cycle_length,
        cycle_position
    from {{ cycles }}
{%- endmacro %}

{# All ids whose merges end: id, next_id, merged_at, end_id, depth. #}
{% macro walk_merge_trees(edges, keys=[]) -%}
    {%- if segmentry.merge_algorithm() == 'rounds' -%}
        {{ segmentry.walk_merge_trees_by_rounds(edges, keys) }}
    {%- else -%}
        {{ segmentry.walk_merge_trees_by_recursion(edges, keys) }}
    {%- endif -%}
{%- endmacro %}

{# All ids that are not in `trees`: those in a cycle, and those that lead into one. `is_walked_here` says that the trees are a part of the same
   statement, which rounds can't read while it is written. #}
{% macro walk_merge_cycles(edges, trees, keys=[], is_walked_here=false) -%}
    {%- if segmentry.merge_algorithm() == 'rounds' -%}
        {{ segmentry.walk_merge_cycles_by_rounds(edges, none if is_walked_here else trees, keys) }}
    {%- else -%}
        {{ segmentry.walk_merge_cycles_by_recursion(edges, trees, keys) }}
    {%- endif -%}
{%- endmacro %}

{# The algorithm that a build uses, `recursion` or `rounds`. #}
{% macro merge_algorithm() -%}
    {%- if var('segmentry_merge_algorithm') == 'auto' -%}
        {{ return(adapter.dispatch('merge_algorithm', 'segmentry')()) }}
    {%- endif -%}
    {{ return(var('segmentry_merge_algorithm')) }}
{%- endmacro %}

{% macro default__merge_algorithm() -%}
    {{ return('recursion') }}
{%- endmacro %}

{# Recursion ends after 100 levels, each of which is a job of its own.
   https://spark.apache.org/docs/latest/sql-ref-syntax-qry-select-cte.html #}
{% macro spark__merge_algorithm() -%}
    {{ return('rounds') }}
{%- endmacro %}

{# These know `union all` alone in a recursion, or end it after few levels.
   https://docs.snowflake.com/en/sql-reference/constructs/with
   https://cloud.google.com/bigquery/docs/recursive-ctes
   https://docs.aws.amazon.com/redshift/latest/dg/r_WITH_clause.html
   https://trino.io/docs/current/sql/select.html#with-recursive-clause #}
{% macro snowflake__merge_algorithm() -%} {{ return('rounds') }} {%- endmacro %}
{% macro bigquery__merge_algorithm() -%} {{ return('rounds') }} {%- endmacro %}
{% macro redshift__merge_algorithm() -%} {{ return('rounds') }} {%- endmacro %}
{% macro trino__merge_algorithm() -%} {{ return('rounds') }} {%- endmacro %}
