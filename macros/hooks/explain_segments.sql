{# Post-hook of `int_segmentry__llm_ledger`, outside a transaction: writes the explanations that are missing and appends them to the ledger.
   Does nothing where nothing is built (compile, parse, --empty). #}
{% macro explain_segments() -%}
    {%- if execute and flags.WHICH in ('run', 'build', 'retry') and not flags.EMPTY -%}
        {%- do adapter.dispatch('explain_segments', 'segmentry')(ref('int_segmentry__segment_facts'), this) -%}
    {%- endif -%}
{%- endmacro %}

{# Plain Python in the process of dbt, by way of the plugin `segmentry` of the profile (segmentry.engines.duckdb_plugin). #}
{% macro duckdb__explain_segments(facts, ledger) -%}
    {%- do adapter.store_relation('segmentry', ledger, [], '', 'explanations', {
        'facts': facts.render(),
        'invocation_id': invocation_id,
        'request': segmentry.explanation_request(),
    }) -%}
{%- endmacro %}

{% macro default__explain_segments(facts, ledger) -%}
    {%- do log('Explanations are written in the build on DuckDB only; on ' ~ target.type ~ ' they stay pending in ' ~ ledger ~ '.', info=true) -%}
{%- endmacro %}
