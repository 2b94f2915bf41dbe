{# The node of a model of this project, or none. #}
{% macro model_node(model_name) -%}
    {{ return(
        (graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | selectattr('name', 'equalto', model_name) | list | first) if execute else none
    ) }}
{%- endmacro %}

{# The table that a model of this project left behind in an earlier run, or none. No `ref`: the history is downstream of the models that look
   back at it, and a ref would be a cycle. #}
{% macro earlier_relation(model_name) -%}
    {%- set node = segmentry.model_node(model_name) -%}
    {{ return(adapter.get_relation(database=node.database, schema=node.schema, identifier=node.alias) if node else none) }}
{%- endmacro %}

{# Whether this build adds to what an incremental model holds rather than to build it from nothing: `is_incremental` for models before it. #}
{% macro goes_on(model_name) -%}
    {%- set relation = segmentry.earlier_relation(model_name) if var('segmentry_incremental') else none -%}
    {%- set asked = segmentry.model_node(model_name).config.full_refresh if relation is not none else none -%}
    {%- set from_nothing = flags.FULL_REFRESH if asked is none else asked -%}
    {{ return(relation is not none and relation.is_table and not from_nothing) }}
{%- endmacro %}
