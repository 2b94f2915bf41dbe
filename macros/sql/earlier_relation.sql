{# The table that a model of this project left behind in an earlier run, or none. No `ref`: the history is downstream of the models that look
   back at it, and a ref would be a cycle. #}
{% macro earlier_relation(model_name) -%}
    {%- if execute -%}
        {%- set node = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | selectattr('name', 'equalto', model_name) | list | first -%}
        {%- if node -%}
            {{ return(adapter.get_relation(database=node.database, schema=node.schema, identifier=node.alias)) }}
        {%- endif -%}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{# Whether this build adds to what an incremental model holds rather than to build it from nothing: `is_incremental` for models before it. #}
{% macro goes_on(model_name) -%}
    {%- set relation = segmentry.earlier_relation(model_name) if var('segmentry_incremental') and not should_full_refresh() else none -%}
    {{ return(relation is not none and relation.is_table) }}
{%- endmacro %}
