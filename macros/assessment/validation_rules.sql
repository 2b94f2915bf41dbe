{# The validation rules, one declarative list: `int_segmentry__rules_checked` is generated from it, in this order. It is plain data over plain
   columns, so that Python reads the same file: rendered with `var` and `return`, it gives the same list (tests/python/test_assessment.py does).

   value            column of that model's CTE `measures`
   is_minimum       true: the value must be at least the threshold; false: at most
   severity         error: the segment is not valid; production: not production ready; warning: worth knowing
   example_severity severity while the shipped campaign assumptions stand in for the user's own
   decimals         of value and threshold in the sentence
   detail           column whose text is added to the sentence in brackets
   value_words, threshold_words   column and text that stand in the sentence instead of the two numbers #}
{% macro validation_rules() -%}
    {{ return([
        {
            'rule': 'minimum_customers', 'value': 'customer_count', 'is_minimum': true, 'threshold': var('segmentry_rule_minimum_customers'),
            'severity': 'error', 'decimals': 0, 'label': 'Customers',
        },
        {
            'rule': 'minimum_share', 'value': 'customer_share', 'is_minimum': true, 'threshold': var('segmentry_rule_minimum_share'),
            'severity': 'error', 'decimals': 3, 'label': 'Share of customers',
        },
        {
            'rule': 'maximum_share', 'value': 'customer_share', 'is_minimum': false, 'threshold': var('segmentry_rule_maximum_share'),
            'severity': 'warning', 'decimals': 3, 'label': 'Share of customers',
        },
        {
            'rule': 'minimum_total_clv', 'value': 'total_clv', 'is_minimum': true, 'threshold': var('segmentry_rule_minimum_total_clv'),
            'severity': 'error', 'decimals': 2, 'label': 'Total lifetime value',
        },
        {
            'rule': 'minimum_average_clv', 'value': 'average_clv', 'is_minimum': true, 'threshold': var('segmentry_rule_minimum_average_clv'),
            'severity': 'warning', 'decimals': 2, 'label': 'Average lifetime value',
        },
        {
            'rule': 'minimum_robustness', 'value': 'overall_robustness', 'is_minimum': true, 'threshold': var('segmentry_rule_minimum_robustness'),
            'severity': 'error', 'decimals': 3, 'label': 'Overall robustness', 'detail': 'missing_tests_detail',
        },
        {
            'rule': 'maximum_missing_tests', 'value': 'missing_test_count', 'is_minimum': false, 'threshold': var('segmentry_rule_maximum_missing_tests'),
            'severity': 'production', 'decimals': 0, 'label': 'Missing robustness tests', 'detail': 'missing_tests_detail',
        },
        {
            'rule': 'minimum_roi', 'value': 'roi_base', 'is_minimum': true, 'threshold': var('segmentry_rule_minimum_roi'),
            'severity': 'error', 'example_severity': 'warning', 'decimals': 2, 'label': 'Expected return on a campaign', 'detail': 'example_detail',
        },
        {
            'rule': 'maximum_cost_to_clv', 'value': 'cost_to_clv', 'is_minimum': false, 'threshold': var('segmentry_rule_maximum_cost_to_clv'),
            'severity': 'warning', 'decimals': 3, 'label': 'Campaign cost to lifetime value', 'detail': 'example_detail',
        },
        {
            'rule': 'minimum_actionable_dimensions', 'value': 'actionable_dimension_count', 'is_minimum': true,
            'threshold': var('segmentry_rule_minimum_actionable_dimensions'),
            'severity': 'production', 'decimals': 0, 'label': 'Answers that stand out (what, when, how, who)',
        },
        {
            'rule': 'minimum_kind', 'value': 'kind_rank', 'is_minimum': true,
            'threshold': {'constructive': 0, 'reproducible': 1, 'natural': 2}[var('segmentry_rule_minimum_kind')],
            'severity': 'production', 'decimals': 0, 'label': 'Kind of segments',
            'value_words': 'kind', 'threshold_words': var('segmentry_rule_minimum_kind'),
        },
    ]) }}
{%- endmacro %}
