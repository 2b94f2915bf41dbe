{# Customers who were erased; docs/operating.md#erasure. What is known of them is a hash of each id in `int_segmentry__erased_ids`. Where nobody
   was ever erased no statement mentions it. #}

{# Whether the user's table names anybody. #}
{% macro erasures_are_listed() -%}
    {%- if execute and flags.WHICH in ('run', 'build', 'retry') and not flags.EMPTY -%}
        {{ return(run_query('select count(*) from ' ~ ref('stg_segmentry__erasures')).rows[0][0] > 0) }}
    {%- endif -%}
    {{ return(false) }}
{%- endmacro %}

{# The table of hashes when there is one in it, else none. #}
{% macro erased_ids_relation() -%}
    {%- if execute and flags.WHICH in ('run', 'build', 'retry') -%}
        {%- set erased_ids = segmentry.earlier_relation('int_segmentry__erased_ids') -%}
        {%- if erased_ids is not none and run_query('select count(*) from ' ~ erased_ids).rows[0][0] > 0 -%}
            {{ return(erased_ids) }}
        {%- endif -%}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{# Whether a normalised id was erased: a condition, never NULL. #}
{% macro is_erased(id) -%}
    {%- set erased_ids = segmentry.erased_ids_relation() -%}
    {%- if erased_ids is not none -%}
        coalesce({{ segmentry.keyed_hash(id) }} in (select erased_ids.id_hash from {{ erased_ids }} as erased_ids), false)
    {%- else -%}
        1 = 0
    {%- endif -%}
{%- endmacro %}

{# A table of the user as a subquery with is_erased; where one of `ids` was erased, the columns of `blank`
   are NULL, those of `kept` not: nothing later can know more. #}
{% macro without_erased(relation, ids=[], blank=[], kept=[]) -%}
    {%- if ids and segmentry.erased_ids_relation() is not none -%}
    (
        select
            {% for column in blank %}
            case when not checked.is_erased then checked.{{ column }} end as {{ column }},
            {% endfor %}
            {% for column in kept %}
            checked.{{ column }},
            {% endfor %}
            checked.is_erased
        from (
            select
                given_rows.*,
                {% for id in ids %}{{ segmentry.is_erased(segmentry.normalize_id('given_rows.' ~ id)) }}{{ ' or ' if not loop.last }}{% endfor %} as is_erased
            from {{ relation }} as given_rows
        ) as checked
    )
    {%- else -%}
    (select given_rows.*, 1 = 0 as is_erased from {{ relation }} as given_rows)
    {%- endif -%}
{%- endmacro %}

{# Stops where ids can't be recognised: without a key, or with another one than theirs, erased customers would come back without a word. #}
{% macro require_erasure_key() -%}
    {%- set erased_ids = segmentry.erased_ids_relation() -%}
    {%- if erased_ids is not none or segmentry.erasures_are_listed() -%}
        {%- set key_check = segmentry.keyed_hash("''") -%}
        {%- if run_query('select ' ~ key_check).rows[0][0] is none -%}
            {%- do exceptions.raise_compiler_error(
                'Customers are erased, and the environment variable SEGMENTRY_ERASURE_KEY is not set. Set it to the secret that is kept for this warehouse, '
                ~ 'or to a new one of 16 characters or more before the first erasure.'
            ) -%}
        {%- elif erased_ids is not none and run_query('select count(*) from ' ~ erased_ids ~ ' where key_check <> ' ~ key_check).rows[0][0] > 0 -%}
            {%- do exceptions.raise_compiler_error(
                'SEGMENTRY_ERASURE_KEY is not the key under which customers were erased here: they would come back. Set it to that one.'
            ) -%}
        {%- endif -%}
    {%- endif -%}
    select 1 as key_is_there
{%- endmacro %}

{# Takes the erased customers out of everything that outlives a build. Sessions, orders and days of an incremental build follow by themselves:
   they keep nobody who has no events. #}
{% macro forget_erased_ids(erased_ids) -%}
    {%- if segmentry.erased_ids_relation() is not none -%}
        {#- Which of several events with one id counts may have changed for others too: these tables are read again from the source. -#}
        {%- set events = segmentry.earlier_relation('int_segmentry__events_typed') -%}
        {%- if events is not none and var('segmentry_incremental') and run_query(
            'select count(*) from ' ~ events ~ ' where ' ~ segmentry.is_erased('source_customer_id')
        ).rows[0][0] > 0 -%}
            {%- for model in ['int_segmentry__events_typed', 'int_segmentry__duplicate_events_ranked', 'int_segmentry__settled_events_hashed'] -%}
                {%- set relation = segmentry.earlier_relation(model) -%}
                {%- if relation is not none -%} {%- do adapter.drop_relation(relation) -%} {%- endif -%}
            {%- endfor -%}
        {%- endif -%}
        {%- for model, columns in {
            'segmentry__segment_member_history': ['customer_id'],
            'segmentry__id_merge_changes': ['id', 'old_customer_id', 'new_customer_id'],
        }.items() -%}
            {%- set history = segmentry.earlier_relation(model) -%}
            {%- if history is not none -%}
                {%- set conditions = [] -%}
                {%- for column in columns -%} {%- do conditions.append(segmentry.is_erased(column)) -%} {%- endfor -%}
                {%- do run_query('delete from ' ~ history ~ ' where ' ~ (conditions | join(' or '))) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    select 1 as done
{%- endmacro %}
