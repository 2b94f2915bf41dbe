{# Stops before any model when a table of the user lacks a column that nothing works without. A `ref` in a hook can't be resolved, so the
   relation behind each staging model is taken from the graph. A table that this very build is about to make is not looked at. #}
{% macro validate_input() -%}
    {%- if execute and flags.WHICH in ('run', 'build', 'retry') -%}
        {%- set load_time = ['ingested_at'] if var('segmentry_incremental') else [] -%}
        {%- do segmentry.require_columns('stg_segmentry__events', 'segmentry_events', ['customer_id', 'event_at', 'event_type'] + load_time) -%}
        {%- do segmentry.require_columns('stg_segmentry__id_merges', 'segmentry_id_history', ['old_id', 'new_id', 'merged_at']) -%}
        {%- do segmentry.require_columns('stg_segmentry__erasures', 'segmentry_erasures', ['customer_id']) -%}
    {%- endif -%}
{%- endmacro %}

{% macro require_columns(staging_model, var_name, mandatory) -%}
    {%- set staging = graph.nodes.values() | selectattr('name', 'equalto', staging_model) | list | first -%}
    {%- for parent_id in (staging.depends_on.nodes if staging else []) -%}
        {%- set is_source = parent_id in graph.sources -%}
        {%- set parent = graph.sources[parent_id] if is_source else graph.nodes[parent_id] -%}
        {%- set relation = adapter.get_relation(
            database=parent.database, schema=parent.schema, identifier=parent.identifier if is_source else parent.alias
        ) -%}
        {%- if relation is none and is_source -%}
            {%- do exceptions.raise_compiler_error(
                var_name ~ ' points at ' ~ parent.schema ~ '.' ~ parent.identifier ~ ', which was not found. Check the name, and that this target may read it.'
            ) -%}
        {%- elif relation is not none -%}
            {%- set found = adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list -%}
            {%- set missing = mandatory | reject('in', found) | list -%}
            {%- if missing -%}
                {%- do exceptions.raise_compiler_error(
                    relation.identifier ~ ' lacks the mandatory column' ~ ('s ' if missing | length > 1 else ' ') ~ (missing | join(', '))
                    ~ '. Needed: ' ~ (mandatory | join(', ')) ~ '. Found: ' ~ (found | join(', '))
                    ~ ('. Rename the columns in the file or frame'
                       if parent.source_name == 'segmentry_input' else
                       '. Rename the columns in a view over the table and point ' ~ var_name ~ ' at the view')
                    ~ '; docs/your-data.md has every column and its meaning.'
                ) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
