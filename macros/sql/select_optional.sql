{# The mandatory columns of a relation, and the optional ones as NULL text where it lacks them. Needs no look at the warehouse
   on DuckDB, so that it also works in `dbt compile` and in unit tests. #}
{% macro select_optional(relation, mandatory, optional) -%}
    {{ return(adapter.dispatch('select_optional', 'segmentry')(relation, mandatory, optional)) }}
{%- endmacro %}

{% macro default__select_optional(relation, mandatory, optional) -%} {{ return(segmentry.no_variant('select_optional')) }} {%- endmacro %}

{# https://duckdb.org/docs/stable/sql/query_syntax/setops#union-all-by-name : filters and projections are pushed down into the relation. #}
{% macro duckdb__select_optional(relation, mandatory, optional) -%}
    select
        {{ (mandatory + optional) | join(',\n        ') }}
    from (
        select {% for column in optional %}null as {{ column }}{{ ', ' if not loop.last }}{% endfor %}
        where false
        union all by name
        select * from {{ relation }}
    )
{%- endmacro %}

{# A name that the relation lacks is looked up outside the lateral subquery, where it is NULL: no look at the catalog here either.
   https://www.postgresql.org/docs/current/queries-table-expressions.html#QUERIES-LATERAL #}
{% macro postgres__select_optional(relation, mandatory, optional) -%}
    select given_columns.*
    from (
        select {% for column in optional %}cast(null as {{ dbt.type_string() }}) as {{ column }}{{ ', ' if not loop.last }}{% endfor %}
    ) as absent_columns
    cross join lateral (
        select
            {{ (mandatory + optional) | join(',\n            ') }}
        from {{ relation }}
    ) as given_columns
{%- endmacro %}

{# As on PostgreSQL. https://spark.apache.org/docs/latest/sql-ref-syntax-qry-select-lateral-subquery.html #}
{% macro spark__select_optional(relation, mandatory, optional) -%}
    {{ segmentry.postgres__select_optional(relation, mandatory, optional) }}
{%- endmacro %}

{# As on PostgreSQL. https://docs.snowflake.com/en/sql-reference/constructs/join-lateral #}
{% macro snowflake__select_optional(relation, mandatory, optional) -%}
    {{ segmentry.postgres__select_optional(relation, mandatory, optional) }}
{%- endmacro %}

{# By a look at the catalog, where a subquery can't read names of another one. #}
{% macro select_optional_by_catalog(relation, mandatory, optional) -%}
    {%- set given = (adapter.get_columns_in_relation(relation) if execute else []) | map(attribute='name') | map('lower') | list -%}
    select
        {{ mandatory | join(',\n        ') }}
        {%- for column in optional %},
        {% if column not in given %}cast(null as {{ dbt.type_string() }}) as {% endif %}{{ column }}
        {%- endfor %}
    from {{ relation }}
{%- endmacro %}

{% macro bigquery__select_optional(relation, mandatory, optional) -%}
    {{ segmentry.select_optional_by_catalog(relation, mandatory, optional) }}
{%- endmacro %}

{% macro redshift__select_optional(relation, mandatory, optional) -%}
    {{ segmentry.select_optional_by_catalog(relation, mandatory, optional) }}
{%- endmacro %}

{% macro trino__select_optional(relation, mandatory, optional) -%}
    {{ segmentry.select_optional_by_catalog(relation, mandatory, optional) }}
{%- endmacro %}
