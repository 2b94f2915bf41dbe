{# Stops before any model when a table of the user lacks a column that nothing works without. A `ref` in a hook can't be resolved, so the
   relation behind each staging model is taken from the graph. A table that this very build is about to make again is not looked at here: its staging
   model does, as a pre-hook, when it is there. #}
{% macro validate_input() -%}
    {%- if execute and flags.WHICH in ('run', 'build', 'retry') -%}
        {%- for staging_model in segmentry.mandatory_columns() -%}
            {%- do segmentry.require_columns(staging_model, is_first_look=true) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{# By staging model: the var that names its table, and the columns without which nothing works. #}
{% macro mandatory_columns() -%}
    {%- set load_time = ['ingested_at'] if var('segmentry_incremental') else [] -%}
    {{ return({
        'stg_segmentry__events': ('segmentry_events', segmentry.event_columns().mandatory + load_time),
        'stg_segmentry__id_merges': ('segmentry_id_history', ['old_id', 'new_id', 'merged_at']),
        'stg_segmentry__erasures': ('segmentry_erasures', ['customer_id']),
    }) }}
{%- endmacro %}

{% macro require_columns(staging_model, is_first_look=false) -%}
    {%- set var_name, mandatory = segmentry.mandatory_columns()[staging_model] -%}
    {%- set staging = (graph.nodes.values() if execute else []) | selectattr('name', 'equalto', staging_model) | list | first -%}
    {%- for parent_id in (staging.depends_on.nodes if staging else []) if not (is_first_look and parent_id in selected_resources) -%}
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
            {%- if staging_model == 'stg_segmentry__events' and not is_first_look -%}
                {%- do segmentry.tell_ignored_columns(relation.identifier, found) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{# A column whose name is mistyped would vanish without a word. #}
{% macro tell_ignored_columns(table, found) -%}
    {%- set ignored = found | reject('in', segmentry.event_columns().mandatory + segmentry.event_columns().optional) | list -%}
    {%- if ignored -%}
        {%- do log('Columns of ' ~ table ~ ' that are not known and are ignored: ' ~ (ignored | join(', ')), info=true) -%}
    {%- endif -%}
    {%- if 'amount' not in found -%}
        {%- do log(table ~ ' has no column amount: purchases and refunds are rejected, since they need one', info=true) -%}
    {%- endif -%}
{%- endmacro %}

{# The columns of the table of events. #}
{% macro event_columns() -%}
    {{ return({
        'mandatory': ['customer_id', 'event_at', 'event_type'],
        'optional': [
            'event_id', 'session_id', 'order_id', 'channel', 'device_type', 'category', 'product_id',
            'quantity', 'amount', 'discount_amount', 'currency', 'ingested_at', 'is_deleted',
        ],
    }) }}
{%- endmacro %}

{# Whether this command builds or tests anything of Segmentry: a project that uses it as a package has other models too. #}
{% macro is_selected() -%}
    {%- for resource in selected_resources if resource.split('.')[1] == 'segmentry' -%}
        {%- if loop.first -%} {{ return(true) }} {%- endif -%}
    {%- endfor -%}
    {{ return(false) }}
{%- endmacro %}
