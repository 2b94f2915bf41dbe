{# Hash of the content of a relation (as an aggregate over its rows), free of the order of its rows. Duplicates count. #}
{% macro content_hash(columns) -%}
    {{ return(adapter.dispatch('content_hash', 'segmentry')(columns)) }}
{%- endmacro %}

{% macro default__content_hash(columns) -%} {{ return(segmentry.no_variant('content_hash')) }} {%- endmacro %}

{% macro duckdb__content_hash(columns) -%}
    md5(concat_ws('-', cast(count(*) as varchar), coalesce(cast(sum({{ segmentry.row_hash(columns) }}) as varchar), '')))
{%- endmacro %}

{% macro postgres__content_hash(columns) -%}
    md5(concat_ws('-', cast(count(*) as text), coalesce(cast(sum({{ segmentry.row_hash(columns) }}) as text), '')))
{%- endmacro %}

{% macro spark__content_hash(columns) -%}
    md5(concat_ws('-', cast(count(*) as string), coalesce(cast(sum({{ segmentry.row_hash(columns) }}) as string), '')))
{%- endmacro %}
