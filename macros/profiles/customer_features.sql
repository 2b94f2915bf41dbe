{# What each feature is, over the columns of a profile; names in `segmentry_features` must be among these.
   `measured` is what is clustered, before its transform: known for everybody, since what nobody has observed of a customer is taken to be average,
   and what little is observed is pulled toward the average. `observed` is what people are shown: NULL where nothing was observed. #}
{% macro feature_expressions() -%}
    {{ return({
        'days_since_seen': {'measured': 'profiles.days_since_seen', 'observed': 'profiles.days_since_seen'},
        'tenure_days': {'measured': 'profiles.tenure_days', 'observed': 'profiles.tenure_days'},
        'recency_days': {'measured': 'coalesce(profiles.recency_days, profiles.tenure_days)', 'observed': 'profiles.recency_days'},
        'order_rate': segmentry.rate_feature('profiles.order_count', 'bases.orders_per_day'),
        'visit_rate': segmentry.rate_feature('profiles.visit_count', 'bases.visits_per_day'),
        'average_order_value': segmentry.order_value_feature(),
        'discounted_order_share': segmentry.share_feature('profiles.discounted_order_count', 'profiles.order_count', 'bases.discounted_order_share'),
        'cart_abandonment_rate': segmentry.share_feature(
            'profiles.abandoned_cart_count', 'profiles.cart_session_count', 'bases.cart_abandonment_rate'
        ),
        'weekend_share': segmentry.share_feature('profiles.weekend_session_count', 'profiles.session_count', 'bases.weekend_share'),
        'pages_per_session': {
            'measured': "coalesce(cast(profiles.page_views as " ~ segmentry.type_double() ~ ") / nullif(profiles.session_count, 0), 0)",
            'observed': "cast(profiles.page_views as " ~ segmentry.type_double() ~ ") / nullif(profiles.session_count, 0)",
        },
    }) }}
{%- endmacro %}

{# A share of observations, pulled toward the average by `segmentry_share_prior` of them: one order on discount is not a habit. #}
{% macro share_feature(part, whole, base) -%}
    {%- set prior = var('segmentry_share_prior') -%}
    {{ return({
        'measured': 'coalesce((' ~ part ~ ' + ' ~ prior ~ ' * ' ~ base ~ ') / nullif(' ~ whole ~ ' + ' ~ prior ~ ', 0), ' ~ base ~ ')',
        'observed': 'cast(' ~ part ~ ' as ' ~ segmentry.type_double() ~ ') / nullif(' ~ whole ~ ', 0)',
    }) }}
{%- endmacro %}

{# Events a year, pulled toward the average by `segmentry_rate_prior_days` of it: one order of a customer of a week is not fifty a year. #}
{% macro rate_feature(count, base) -%}
    {%- set prior = var('segmentry_rate_prior_days') -%}
    {%- set rate = '365.25 * (' ~ count ~ ' + ' ~ base ~ ' * ' ~ prior ~ ') / (profiles.tenure_days + ' ~ prior ~ ')' -%}
    {{ return({'measured': rate, 'observed': rate}) }}
{%- endmacro %}

{# Order value, pulled toward the average by one order on the log scale, where order values are near normal. #}
{% macro order_value_feature() -%}
    {%- set mean = 'cast(profiles.gross_revenue as ' ~ segmentry.type_double() ~ ') / nullif(profiles.order_count, 0)' -%}
    {{ return({
        'measured': 'exp((profiles.order_count * coalesce(ln(1 + ' ~ mean ~ '), 0) + bases.log_order_value) / (profiles.order_count + 1)) - 1',
        'observed': mean,
    }) }}
{%- endmacro %}

{# Features of customers in real units, `<name>` and `<name>_observed`. `profiles` has the columns of `keys`, counts and exact sums; averages are
   taken per key, from exact sums. Grain: `keys`. #}
{% macro measure_features(profiles, keys) -%}
    {%- set base_keys = keys | reject('equalto', 'customer_id') | list -%}
    {%- set double = segmentry.type_double() -%}
    with bases as (
        select
            {% for key in base_keys %}profiles.{{ key }},
            {% endfor %}
            cast(sum(profiles.order_count) as {{ double }}) / greatest(sum(profiles.tenure_days), 1) as orders_per_day,
            cast(sum(profiles.visit_count) as {{ double }}) / greatest(sum(profiles.tenure_days), 1) as visits_per_day,
            coalesce(
                cast(sum(cast(
                    profiles.order_count * ln(1 + cast(profiles.gross_revenue as {{ double }}) / nullif(profiles.order_count, 0)) as decimal(18, 6)
                )) as {{ double }}) / nullif(sum(profiles.order_count), 0), 0
            ) as log_order_value,
            coalesce(cast(sum(profiles.discounted_order_count) as {{ double }}) / nullif(sum(profiles.order_count), 0), 0) as discounted_order_share,
            coalesce(cast(sum(profiles.weekend_session_count) as {{ double }}) / nullif(sum(profiles.session_count), 0), 0) as weekend_share,
            coalesce(cast(sum(profiles.abandoned_cart_count) as {{ double }}) / nullif(sum(profiles.cart_session_count), 0), 0) as cart_abandonment_rate
        from {{ profiles }} as profiles
        {% if base_keys %}group by {% for key in base_keys %}profiles.{{ key }}{{ ', ' if not loop.last }}{% endfor %}{% endif %}

    ),

    measured as (
        select
            {% for key in keys %}profiles.{{ key }},
            {% endfor %}
            {% for feature in var('segmentry_features') %}
            {% set expressions = segmentry.feature_expressions()[feature.name] %}
            cast({{ expressions.measured }} as {{ double }}) as {{ feature.name }},
            cast({{ expressions.observed }} as {{ double }}) as {{ feature.name }}_observed{{ ',' if not loop.last }}
            {% endfor %}
        from {{ profiles }} as profiles
        {% if base_keys %}
        inner join bases
            on {% for key in base_keys %}profiles.{{ key }} = bases.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
        {% else %}
        cross join bases
        {% endif %}

    )

    select
        {% for key in keys %}{{ key }},
        {% endfor %}
        {% for feature in var('segmentry_features') %}
        round({{ feature.name }}, 9) as {{ feature.name }},
        round({{ feature.name }}_observed, 9) as {{ feature.name }}_observed{{ ',' if not loop.last }}
        {% endfor %}
    from measured
{%- endmacro %}

{# The measured features after their transforms, under the same names: what is standardised and clustered. Grain: `keys`. #}
{% macro transform_features(measured, keys) -%}
    select
        {% for key in keys %}{{ key }},
        {% endfor %}
        {% for feature in var('segmentry_features') %}
        round({{ 'ln(1 + ' ~ feature.name ~ ')' if feature.transform == 'log1p' else feature.name }}, 9) as {{ feature.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ measured }}
{%- endmacro %}
