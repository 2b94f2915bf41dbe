{# Every var of the project with what it may be. `validate_config` checks them all; a test holds this list, dbt_project.yml and the pydantic
   settings equal. Kinds: relation, text, choice, integer, number, share, boolean, date, zone, list. #}
{% macro settings() -%}
    {{ return({
        'segmentry_events': {'kind': 'relation', 'required': true},
        'segmentry_id_history': {'kind': 'relation'},
        'segmentry_use_demo': {'kind': 'boolean'},
        'segmentry_exchange_rates': {'kind': 'relation', 'required': true},
        'segmentry_campaign_assumptions': {'kind': 'relation', 'required': true},
        'segmentry_validation_waivers': {'kind': 'relation', 'required': true},
        'segmentry_consents': {'kind': 'relation'},
        'segmentry_as_of': {'kind': 'date'},
        'segmentry_time_zone': {'kind': 'zone'},
        'segmentry_input_time_zone': {'kind': 'zone'},
        'segmentry_reporting_currency': {'kind': 'text', 'pattern': '^[A-Z]{3}$'},
        'segmentry_maximum_amount': {'kind': 'number', 'minimum': 0},
        'segmentry_minimum_event_date': {'kind': 'date', 'required': true},
        'segmentry_id_case': {'kind': 'choice', 'choices': ['keep', 'lower']},
        'segmentry_id_placeholders': {'kind': 'list'},
        'segmentry_category_separator': {'kind': 'text', 'pattern': '^[^\'\\\\]{1,10}$'},
        'segmentry_merge_as_of': {'kind': 'date'},
        'segmentry_conflict_policy': {'kind': 'choice', 'choices': ['latest', 'earliest', 'error']},
        'segmentry_cycle_policy': {'kind': 'choice', 'choices': ['quarantine', 'latest_wins', 'error']},
        'segmentry_session_gap_minutes': {'kind': 'integer', 'minimum': 1},
        'segmentry_clv_horizon_days': {'kind': 'integer', 'minimum': 1},
        'segmentry_churn_horizon_days': {'kind': 'integer', 'minimum': 1},
        'segmentry_gross_margin': {'kind': 'share'},
        'segmentry_features': {'kind': 'list', 'required': true},
        'segmentry_share_prior': {'kind': 'number', 'minimum': 0},
        'segmentry_rate_prior_days': {'kind': 'number', 'minimum': 1},
        'segmentry_k': {'kind': 'integer', 'minimum': 0},
        'segmentry_k_method': {'kind': 'choice', 'choices': ['auto', 'elbow', 'silhouette']},
        'segmentry_k_min': {'kind': 'integer', 'minimum': 2},
        'segmentry_k_max': {'kind': 'integer', 'minimum': 2, 'maximum': 20},
        'segmentry_minimum_customers': {'kind': 'integer', 'minimum': 2},
        'segmentry_seed': {'kind': 'integer', 'minimum': 0},
        'segmentry_fit_sample_customers': {'kind': 'integer', 'minimum': 100},
        'segmentry_silhouette_sample_customers': {'kind': 'integer', 'minimum': 100},
        'segmentry_n_init': {'kind': 'integer', 'minimum': 1},
        'segmentry_bootstrap_replicates': {'kind': 'integer', 'minimum': 2},
        'segmentry_bootstrap_fixed_customers': {'kind': 'integer', 'minimum': 100},
        'segmentry_seed_replicates': {'kind': 'integer', 'minimum': 1},
        'segmentry_windows': {'kind': 'list'},
        'segmentry_window_sample_customers': {'kind': 'integer', 'minimum': 100},
        'segmentry_boundary_threshold': {'kind': 'share'},
        'segmentry_minimum_support': {'kind': 'integer', 'minimum': 0},
        'segmentry_action_lift': {'kind': 'number', 'minimum': 1},
        'segmentry_action_share': {'kind': 'share'},
        'segmentry_trait_lift': {'kind': 'number', 'minimum': 1},
        'segmentry_trait_share': {'kind': 'share'},
        'segmentry_trait_minimum_orders': {'kind': 'integer', 'minimum': 0},
        'segmentry_trait_minimum_order_days': {'kind': 'integer', 'minimum': 0},
        'segmentry_trait_minimum_sessions': {'kind': 'integer', 'minimum': 0},
        'segmentry_trait_minimum_carts': {'kind': 'integer', 'minimum': 0},
        'segmentry_trait_minimum_category_events': {'kind': 'integer', 'minimum': 0},
        'segmentry_trait_dormant_days': {'kind': 'integer', 'minimum': 0},
        'segmentry_trait_early_hours': {'kind': 'list', 'items': 'hour'},
        'segmentry_trait_night_hours': {'kind': 'list', 'items': 'hour'},
        'segmentry_trait_high_value': {'kind': 'share'},
        'segmentry_trait_at_risk': {'kind': 'share'},
        'segmentry_trait_dormant_high_value': {'kind': 'share'},
        'segmentry_trait_cart_abandoner': {'kind': 'share'},
        'segmentry_trait_category_specialist': {'kind': 'share'},
        'segmentry_trait_discount_sensitive': {'kind': 'share'},
        'segmentry_trait_browser_not_buyer': {'kind': 'share'},
        'segmentry_trait_weekend_shopper': {'kind': 'share'},
        'segmentry_trait_early_bird': {'kind': 'share'},
        'segmentry_trait_night_owl': {'kind': 'share'},
        'segmentry_trait_seasonal': {'kind': 'share'},
        'segmentry_trait_mobile_first': {'kind': 'share'},
        'segmentry_trait_desktop_loyal': {'kind': 'share'},
        'segmentry_trait_highly_engaged': {'kind': 'share'},
        'segmentry_rule_minimum_customers': {'kind': 'integer', 'minimum': 0},
        'segmentry_rule_minimum_share': {'kind': 'share'},
        'segmentry_rule_maximum_share': {'kind': 'share'},
        'segmentry_rule_minimum_total_clv': {'kind': 'number', 'minimum': 0},
        'segmentry_rule_minimum_average_clv': {'kind': 'number', 'minimum': 0},
        'segmentry_rule_minimum_robustness': {'kind': 'share'},
        'segmentry_rule_maximum_missing_tests': {'kind': 'integer', 'minimum': 0},
        'segmentry_rule_minimum_roi': {'kind': 'number', 'minimum': -1},
        'segmentry_rule_maximum_cost_to_clv': {'kind': 'number', 'minimum': 0},
        'segmentry_rule_minimum_actionable_dimensions': {'kind': 'integer', 'minimum': 0},
        'segmentry_holdout_share': {'kind': 'share'},
        'segmentry_holdout_salt': {'kind': 'text', 'pattern': '^[A-Za-z0-9_.-]{1,64}$'},
        'segmentry_explanation_provider': {'kind': 'choice', 'choices': ['template']},
        'segmentry_explanation_model': {'kind': 'text', 'pattern': '^[A-Za-z0-9_.:/-]{0,100}$'},
        'segmentry_language': {'kind': 'choice', 'choices': ['en']},
    }) }}
{%- endmacro %}

{# Hash of every setting that the result depends on; where the tables are is not among them, what is in them is hashed with the input. #}
{% macro settings_hash() -%}
    {%- set values = [] -%}
    {%- for name, rule in segmentry.settings().items() | sort -%}
        {%- if rule.kind != 'relation' -%}
            {%- do values.append(name ~ '=' ~ tojson(var(name), sort_keys=true)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(local_md5(values | join('\n'))) }}
{%- endmacro %}

{# The version of the code that the run id depends on; equal to the version in dbt_project.yml and pyproject.toml (a test). #}
{% macro version() -%} {{ return('0.1.0') }} {%- endmacro %}
