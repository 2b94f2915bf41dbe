{# Everything but the events themselves that typed events, sessions and orders depend on. Stored ones are good only while it stays the same. #}
{% macro event_basis() -%}
    {%- set values = [segmentry.version()] -%}
    {%- for name in [
        'segmentry_time_zone', 'segmentry_input_time_zone', 'segmentry_reporting_currency', 'segmentry_maximum_amount',
        'segmentry_minimum_event_date', 'segmentry_id_case', 'segmentry_id_placeholders', 'segmentry_session_gap_minutes',
    ] -%}
        {%- do values.append(name ~ '=' ~ tojson(var(name))) -%}
    {%- endfor -%}
    {#- Reading the var of the table of events would make it an input of the model that asks; the graph knows what the var stands for. -#}
    {%- if execute -%}
        {%- set staging = graph.nodes.values() | selectattr('name', 'equalto', 'stg_segmentry__events') | list | first -%}
        {%- for parent_id in (staging.depends_on.nodes if staging else []) -%}
            {%- do values.append('segmentry_events=' ~ ((graph.sources.get(parent_id) or graph.nodes[parent_id]).relation_name or parent_id)) -%}
        {%- endfor -%}
    {%- endif -%}
    select
        '{{ local_md5(values | join("\n")) }}-' || {{ segmentry.engine_version() }} || '-' || {{ segmentry.content_hash(['currency', 'rate']) }} as basis
    from {{ ref('stg_segmentry__exchange_rates') }}
{%- endmacro %}

{# Stops an incremental build whose stored events were built on another basis, or on one that nobody recorded. #}
{% macro require_same_basis() -%}
    {%- if execute and is_incremental() and flags.WHICH in ('run', 'build', 'retry') -%}
        {%- set fingerprinted = segmentry.earlier_relation('int_segmentry__customers_fingerprinted') -%}
        {%- set is_table = fingerprinted is not none and fingerprinted.is_table -%}
        {%- set stored = run_query(
            'select (select count(*) from ' ~ this ~ '), (select count(*) from ' ~ fingerprinted ~ '), '
            ~ '(select count(*) from ' ~ fingerprinted ~ ' where basis <> (' ~ segmentry.event_basis() ~ '))'
        ).rows[0] if is_table else none -%}
        {#- Events without a fingerprint are of a build that ended in between, or that had no customer at all. -#}
        {%- set is_recorded = is_table and (stored[0] == 0 or stored[1] > 0) -%}
        {%- if not is_recorded or stored[2] > 0 -%}
            {%- do exceptions.raise_compiler_error(
                'segmentry_incremental: the stored events were built '
                ~ ('with other settings, another table of events, other exchange rates or another version' if is_recorded else 'by a build that was not incremental or did not end')
                ~ '. Build once with --full-refresh.'
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
