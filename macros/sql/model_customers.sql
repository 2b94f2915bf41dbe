{# How many customers Python models read at most; 0 for everybody. #}
{% macro model_customers() -%}
    {{ return(var('segmentry_model_customers') or adapter.dispatch('default_model_customers', 'segmentry')()) }}
{%- endmacro %}

{% macro default__default_model_customers() -%} {{ return(0) }} {%- endmacro %}

{# What Python reads goes through the driver: a few hundred bytes per customer. #}
{% macro spark__default_model_customers() -%} {{ return(200000) }} {%- endmacro %}
