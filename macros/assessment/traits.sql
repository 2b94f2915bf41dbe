{# The traits, one declarative list: `int_segmentry__traits_detected` is generated from it, docs/methods/assessment.md explains it.
   `score` (0 to 1) and `support` name columns of `int_segmentry__traits_measured`; a customer shows the trait from `threshold` and
   `minimum_support` on. #}
{% macro traits() -%}
    {%- set orders = var('segmentry_trait_minimum_orders') -%}
    {%- set sessions = var('segmentry_trait_minimum_sessions') -%}
    {{ return([
        {
            'trait': 'high_value', 'dimension': 'who', 'score': 'clv_rank', 'threshold': var('segmentry_trait_high_value'),
            'support': 'order_count', 'minimum_support': 1,
            'reason': 'Brings far more expected value than most: protect this customer before others.',
        },
        {
            'trait': 'at_risk', 'dimension': 'who', 'score': 'open_churn_risk', 'threshold': var('segmentry_trait_at_risk'),
            'support': 'order_count', 'minimum_support': orders,
            'reason': 'Has bought before and is likely to stop: a timely reminder costs less than winning the customer back.',
        },
        {
            'trait': 'dormant_high_value', 'dimension': 'who', 'score': 'dormant_revenue_rank', 'threshold': var('segmentry_trait_dormant_high_value'),
            'support': 'order_count', 'minimum_support': orders,
            'reason': 'Spent far more than most and has been silent for long: worth a personal win-back.',
        },
        {
            'trait': 'cart_abandoner', 'dimension': 'what', 'score': 'cart_abandonment_rate', 'threshold': var('segmentry_trait_cart_abandoner'),
            'support': 'cart_session_count', 'minimum_support': var('segmentry_trait_minimum_carts'),
            'reason': 'Fills carts and leaves them: remind of what is in the cart and take away what holds the order up.',
        },
        {
            'trait': 'category_specialist', 'dimension': 'what', 'score': 'top_category_share', 'threshold': var('segmentry_trait_category_specialist'),
            'support': 'category_event_count', 'minimum_support': var('segmentry_trait_minimum_category_events'),
            'reason': 'Looks at and buys mostly one category: lead with it.',
        },
        {
            'trait': 'discount_sensitive', 'dimension': 'what', 'score': 'discount_share', 'threshold': var('segmentry_trait_discount_sensitive'),
            'support': 'order_count', 'minimum_support': orders,
            'reason': 'Buys when the price is reduced: offers work, full prices hardly do.',
        },
        {
            'trait': 'browser_not_buyer', 'dimension': 'who', 'score': 'no_order_share', 'threshold': var('segmentry_trait_browser_not_buyer'),
            'support': 'session_count', 'minimum_support': sessions,
            'reason': 'Visits often and hardly ever orders: help with the choice rather than with the price.',
        },
        {
            'trait': 'weekend_shopper', 'dimension': 'when', 'score': 'weekend_share', 'threshold': var('segmentry_trait_weekend_shopper'),
            'support': 'session_count', 'minimum_support': sessions,
            'reason': 'Comes on Saturday and Sunday: messages of a weekday are old when they are read.',
        },
        {
            'trait': 'early_bird', 'dimension': 'when', 'score': 'early_share', 'threshold': var('segmentry_trait_early_bird'),
            'support': 'session_count', 'minimum_support': sessions,
            'reason': 'Comes early in the morning: have the message there before breakfast.',
        },
        {
            'trait': 'night_owl', 'dimension': 'when', 'score': 'night_share', 'threshold': var('segmentry_trait_night_owl'),
            'support': 'session_count', 'minimum_support': sessions,
            'reason': 'Comes late at night: send late, when nobody else does.',
        },
        {
            'trait': 'seasonal', 'dimension': 'when', 'score': 'season_share', 'threshold': var('segmentry_trait_seasonal'),
            'support': 'order_day_count', 'minimum_support': var('segmentry_trait_minimum_order_days'),
            'reason': 'Buys in the same quarter year after year: be there before it and save the budget outside it.',
        },
        {
            'trait': 'mobile_first', 'dimension': 'how', 'score': 'mobile_share', 'threshold': var('segmentry_trait_mobile_first'),
            'support': 'session_count', 'minimum_support': sessions,
            'reason': 'Comes by phone or tablet: short texts, push messages and pages made for a thumb.',
        },
        {
            'trait': 'desktop_loyal', 'dimension': 'how', 'score': 'desktop_share', 'threshold': var('segmentry_trait_desktop_loyal'),
            'support': 'session_count', 'minimum_support': sessions,
            'reason': 'Comes by computer: long pages and comparisons are read here.',
        },
        {
            'trait': 'highly_engaged', 'dimension': 'who', 'score': 'visit_rank', 'threshold': var('segmentry_trait_highly_engaged'),
            'support': 'session_count', 'minimum_support': sessions,
            'reason': 'Visits more often than most: listens to news, previews and requests for a review.',
        },
    ]) }}
{%- endmacro %}

{# The list as rows, for a CTE. Keys that end in threshold or support are numbers, the others text. #}
{% macro traits_as_rows(columns) -%}
    {%- for trait in segmentry.traits() %}
    select
        {%- for column in columns %}
        {% if trait[column] is number -%}
            cast({{ trait[column] }} as {{ segmentry.type_double() }}) as {{ column }}
        {%- else -%}
            cast({{ dbt.string_literal(trait[column]) }} as {{ dbt.type_string() }}) as {{ column }}
        {%- endif -%}
        {{ ',' if not loop.last }}
        {%- endfor %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
