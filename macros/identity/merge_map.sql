{# The customer of every id of the merges: the policies of cycles, depth and cluster size over exact answers. `resolved` has the columns of
   resolve_merges. Grain: `keys` and id. An id that a policy keeps apart is its own customer, at depth 0. #}
{% macro merge_map(resolved, keys=[]) -%}
    {%- set key_list = keys | join(', ') ~ (', ' if keys else '') -%}
    with placed as (
        select
            {{ key_list }}
            id,
            merged_at,
            {% if var('segmentry_cycle_policy') == 'latest_wins' %}
            end_id as customer_id,
            depth,
            cast(null as {{ dbt.type_string() }}) as cycle_status
            {% else %}
            case when cycle_id is null then end_id else id end as customer_id,
            case when cycle_id is null then depth else 0 end as depth,
            case when cycle_position is not null then 'cycle' when cycle_id is not null then 'leads_to_cycle' end as cycle_status
            {% endif %}
        from {{ resolved }}
    ),

    oversized_clusters as (
        select
            {{ key_list }}
            customer_id
        from placed
        group by {{ key_list }}customer_id
        having count(*) > {{ var('segmentry_max_cluster_size') }}
    ),

    judged as (
        select
            placed.*,
            case
                when placed.cycle_status is not null then placed.cycle_status
                when oversized_clusters.customer_id is not null then 'oversized'
                when placed.depth > {{ var('segmentry_max_merge_depth') }} then 'too_deep'
                when placed.depth = 0 then 'survivor'
                when placed.depth = 1 then 'direct'
                else 'chain'
            end as status
        from placed
        left join oversized_clusters
            on placed.customer_id = oversized_clusters.customer_id
            {% for key in keys %} and placed.{{ key }} = oversized_clusters.{{ key }}{% endfor %}

    )
    {%- set apart = [] -%}
    {%- if var('segmentry_max_cluster_size_policy') == 'quarantine' -%} {%- do apart.append("'oversized'") -%} {%- endif -%}
    {%- if var('segmentry_max_merge_depth_policy') == 'quarantine' -%} {%- do apart.append("'too_deep'") -%} {%- endif %}

    select
        {{ key_list }}
        id,
        {% if apart %}
        case when status in ({{ apart | join(', ') }}) then id else customer_id end as customer_id,
        case when status in ({{ apart | join(', ') }}) then 0 else depth end as depth,
        {% else %}
        customer_id,
        depth,
        {% endif %}
        status,
        {# A survivor was merged into nothing that counts. #}
        case when depth > 0 or cycle_status is not null then merged_at end as merged_at
    from judged
{%- endmacro %}
