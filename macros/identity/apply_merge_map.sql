{# The rows of a relation with the customer of each: `customer_id`, from the ids in `id_column`, beside all its own columns. For tables that
   Segmentry does not build, such as support tickets:

       select * from ({{ segmentry.apply_merge_map(ref('tickets'), 'user_id') }}) as tickets

   An id that is in no merge is its own customer; an empty one or a placeholder is nobody, NULL. #}
{% macro apply_merge_map(relation, id_column, merge_map=none) -%}
    select
        given_rows.*,
        coalesce(
            merge_map.customer_id,
            case when not {{ segmentry.is_placeholder_id(segmentry.normalize_id('given_rows.' ~ id_column)) }} then {{ segmentry.normalize_id('given_rows.' ~ id_column) }} end
        ) as customer_id
    from {{ relation }} as given_rows
    left join {{ merge_map or ref('segmentry', 'segmentry__customer_merge_map') }} as merge_map
        on {{ segmentry.normalize_id('given_rows.' ~ id_column) }} = merge_map.id
{%- endmacro %}
