{# Post-hook of `int_segmentry__llm_ledger`, outside a transaction: writes the explanations that are missing and appends them to the ledger.
   Does nothing where nothing is built (compile, parse, --empty). #}
{% macro explain_segments() -%}
    {%- if execute and flags.WHICH in ('run', 'build', 'retry') and not flags.EMPTY -%}
        {%- do adapter.dispatch('explain_segments', 'segmentry')(
            ref('int_segmentry__segment_facts'), this, ref('stg_segmentry__model_prices')
        ) -%}
    {%- endif -%}
{%- endmacro %}

{# Plain Python in the process of dbt, by way of the plugin `segmentry` of the profile (segmentry.engines.duckdb_plugin). #}
{% macro duckdb__explain_segments(facts, ledger, prices) -%}
    {%- do adapter.store_relation('segmentry', ledger, [], '', 'explanations', segmentry.explanation_config(facts, prices)) -%}
{%- endmacro %}

{# The same by a method of the adapter (segmentry.engines.postgres, segmentry.engines.spark). #}
{% macro segmentry_postgres__explain_segments(facts, ledger, prices) -%}
    {%- do adapter.write_explanations(ledger.render(), segmentry.explanation_config(facts, prices)) -%}
{%- endmacro %}

{% macro segmentry_spark__explain_segments(facts, ledger, prices) -%}
    {%- do adapter.write_explanations(ledger.render(), segmentry.explanation_config(facts, prices)) -%}
{%- endmacro %}

{% macro explanation_config(facts, prices) -%}
    {{ return({
        'facts': facts.render(),
        'invocation_id': invocation_id,
        'prices': prices.render(),
        'request': segmentry.explanation_request(),
        'limits': segmentry.explanation_limits(),
    }) }}
{%- endmacro %}

{% macro default__explain_segments(facts, ledger, prices) -%}
    {%- do log(
        'Explanations are written in the build on DuckDB, PostgreSQL and Spark only. Run now: segmentry explain --target ' ~ target.name ~ ' (until then they are pending).',
        info=true
    ) -%}
{%- endmacro %}

{# One row of the ledger, committed at once; `segmentry explain` calls it. The values are bound, as those of a seed are. #}
{% macro append_explanation(row) -%}
    {%- set columns = row.keys() | list -%}
    {%- set places = [get_binding_char() | trim] * (columns | length) -%}
    {%- set ledger = ref('int_segmentry__llm_ledger') -%}
    {%- do adapter.add_query(
        'insert into ' ~ ledger ~ ' (' ~ columns | join(', ') ~ ') values (' ~ places | join(', ') ~ ')',
        auto_begin=true, bindings=row.values() | list, abridge_sql_log=true
    ) -%}
    {%- do adapter.commit() -%}
{%- endmacro %}

{# The settings of the explanation step as one row, for `segmentry explain`. #}
{% macro select_explanation_settings() -%}
    select
        '{{ dbt.escape_single_quotes(tojson(segmentry.explanation_request())) }}' as request,
        '{{ dbt.escape_single_quotes(tojson(segmentry.explanation_limits())) }}' as limits
{%- endmacro %}
