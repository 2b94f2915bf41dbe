{# The channel of a column where a message can be sent through it, NULL where it only brings visits (segmentry_inbound_channels). #}
{% macro contact_channel(column) -%}
    {%- if var('segmentry_inbound_channels') -%}
    case
        when lower(trim({{ column }})) not in ({% for channel in var('segmentry_inbound_channels') %}'{{ channel }}'{{ ', ' if not loop.last }}{% endfor %})
            then {{ column }}
    end
    {%- else -%}
    {{ column }}
    {%- endif -%}
{%- endmacro %}
