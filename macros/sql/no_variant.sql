{# What a dispatched macro does on an engine that nobody has written it for: a plain sentence instead of SQL that may mean something else there.
   Parsing goes on, so that a project can be read for an engine that it can't run on yet. #}
{% macro no_variant(name) -%}
    {%- if execute -%}
        {%- do exceptions.raise_compiler_error(
            'Segmentry does not know how to say ' ~ name ~ ' on ' ~ adapter.type() ~ '. It needs a macro ' ~ adapter.type() ~ '__' ~ name
            ~ ' beside its other variants in macros/sql; docs/engines.md lists the engines that work and how to add one.'
        ) -%}
    {%- endif -%}
    {{ return('null') }}
{%- endmacro %}
