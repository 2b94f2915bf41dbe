{# The characters themselves of all white space of Unicode, for engines whose trim takes a list of characters. #}
{% macro white_space() -%}
    {{ return(
        ' \t\n\u000B\f\r\u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u2028\u2029\u202F\u205F\u3000'
    ) }}
{%- endmacro %}
