{# Types whose names differ between engines; dbt's own type_* macros serve the others. #}

{% macro type_double() -%} {{ return(adapter.dispatch('type_double', 'segmentry')()) }} {%- endmacro %}
{% macro default__type_double() -%} double {%- endmacro %}
{% macro postgres__type_double() -%} double precision {%- endmacro %}
{% macro bigquery__type_double() -%} float64 {%- endmacro %}

{# Money: exact, two decimals (sums of doubles differ from run to run). #}
{% macro type_money() -%} decimal(18, 2) {%- endmacro %}

{# Money as given, before it is converted: the dinar has three decimals, unit prices have more. #}
{% macro type_given_money() -%} decimal(24, 6) {%- endmacro %}
