{# Hash of the content of a relation (as an aggregate over its rows), free of the order of its rows. Duplicates count. #}
{% macro content_hash(columns) -%}
    {%- set text = dbt.type_string() -%}
    {{ dbt.hash(
        "cast(count(*) as " ~ text ~ ") || '-' || coalesce(cast(sum(" ~ segmentry.row_hash(columns) ~ ") as " ~ text ~ "), '')"
    ) }}
{%- endmacro %}
