{# Probability that a customer has not left after the last purchase, under a fitted BG/NBD or MBG/NBD model (docs/methods/value.md). `model` has method,
   r, alpha, a, b; `buyer` has repeat_count, active_weeks, observed_weeks. BG/NBD: who never came back can't have left. #}
{% macro probability_alive(model, buyer) -%}
    1 / (1 + case
        when {{ model }}.method = 'bg_nbd' and {{ buyer }}.repeat_count = 0 then 0
        else {{ model }}.a / ({{ model }}.b + {{ buyer }}.repeat_count - case when {{ model }}.method = 'bg_nbd' then 1 else 0 end)
            -- The largest odds that a double holds, e^700, are as good as any above.
            * exp(least(
                ({{ model }}.r + {{ buyer }}.repeat_count)
                * ln(({{ model }}.alpha + {{ buyer }}.observed_weeks) / ({{ model }}.alpha + {{ buyer }}.active_weeks)), 700
            ))
    end)
{%- endmacro %}
