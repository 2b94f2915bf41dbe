{# When an event reached the warehouse, for builds that read only what is new. #}

{# Stands for events without `ingested_at`: nobody knows whether they are new, so they are read every time. #}
{% macro never_loaded() -%} cast('0001-01-01' as {{ dbt.type_timestamp() }}) {%- endmacro %}

{# The latest load that the last complete build had read, as a literal (engines prune files and row groups by literals, not by subqueries); before
   all others when there was none. What is written last is asked, so that a build that stopped half way is caught up with. #}
{% macro loaded_until() -%}
    {%- set fingerprinted = segmentry.earlier_relation('int_segmentry__customers_fingerprinted') if execute else none -%}
    {%- set found = run_query(
        'select cast(max(loaded_until) as ' ~ dbt.type_string() ~ ') from ' ~ fingerprinted
    ).columns[0].values() if fingerprinted is not none and fingerprinted.is_table else [] -%}
    {{ return("cast('" ~ found[0] ~ "' as " ~ dbt.type_timestamp() ~ ')' if found and found[0] else segmentry.never_loaded()) }}
{%- endmacro %}

{# Loads with an event that was rejected as one of the future and is not any more, as literals. #}
{% macro reopened_loads(relation) -%}
    {%- set found = run_query(
        'select distinct cast(loaded_at as ' ~ dbt.type_string() ~ ') from ' ~ relation
        ~ " where reject_reason = 'future_time' and event_at <= " ~ segmentry.latest_plausible_time()
    ).columns[0].values() if execute else [] -%}
    {%- set literals = [] -%}
    {%- for loaded_at in found -%}
        {%- do literals.append("cast('" ~ loaded_at ~ "' as " ~ dbt.type_timestamp() ~ ')') -%}
    {%- endfor -%}
    {{ return(literals) }}
{%- endmacro %}
