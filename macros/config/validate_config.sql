{# Checks every var against `settings()` before anything runs; all findings in one message, each with what was found and what is needed. #}
{% macro validate_config() -%}
    {%- if execute -%}
        {%- set findings = [] -%}
        {%- for name, rule in segmentry.settings().items() -%}
            {%- set kind = rule.kind -%}
            {#- Reading a relation var would resolve its ref, which a hook can't; the staging models look at those. -#}
            {%- set value = none if kind == 'relation' else var(name, none) -%}
            {%- if kind == 'relation' -%}
                {%- if not var.has_var(name) -%} {%- do findings.append(name ~ ' is not set') -%} {%- endif -%}
            {%- elif value is none -%}
                {%- do findings.append(name ~ ' is not set') -%}
            {%- elif kind == 'choice' -%}
                {%- if value not in rule.choices -%}
                    {%- do findings.append(name ~ ' is ' ~ tojson(value) ~ '; it must be one of ' ~ (rule.choices | join(', '))) -%}
                {%- endif -%}
            {%- elif kind == 'boolean' -%}
                {%- if value is not boolean -%}
                    {%- do findings.append(name ~ ' is ' ~ tojson(value) ~ '; it must be true or false') -%}
                {%- endif -%}
            {%- elif kind in ('integer', 'number', 'share') -%}
                {%- set minimum = 0 if kind == 'share' else rule.get('minimum') -%}
                {%- set maximum = 1 if kind == 'share' else rule.get('maximum') -%}
                {%- if value is boolean or value is not number or (kind == 'integer' and value is not integer) -%}
                    {%- do findings.append(name ~ ' is ' ~ tojson(value) ~ '; it must be ' ~ ('an integer' if kind == 'integer' else 'a number')) -%}
                {%- elif (minimum is not none and value < minimum) or (maximum is not none and value > maximum) -%}
                    {%- do findings.append(
                        name ~ ' is ' ~ value ~ '; it must be '
                        ~ ('at least ' ~ minimum if maximum is none else 'from ' ~ minimum ~ ' to ' ~ maximum)
                    ) -%}
                {%- endif -%}
            {%- elif kind == 'list' -%}
                {%- if value is string or value is not sequence or (rule.get('required') and value | length == 0) -%}
                    {%- do findings.append(name ~ ' must be a list' ~ (' with at least one entry' if rule.get('required') else '')) -%}
                {%- elif rule.get('items') == 'hour' and value | reject('in', range(24)) | list -%}
                    {%- do findings.append(name ~ ' is ' ~ tojson(value) ~ '; it must hold hours from 0 to 23') -%}
                {%- elif rule.get('items') == 'text' -%}
                    {%- for text in value -%}
                        {%- if text is not string or not modules.re.match("^[^'\\\\]{1,40}$", text) or text != text | lower -%}
                            {%- do findings.append(name ~ ' holds ' ~ tojson(text) ~ '; each must be a short text in lower case, without quotes') -%}
                        {%- endif -%}
                    {%- endfor -%}
                {%- endif -%}
            {%- elif value is not string or (rule.get('required') and not value) -%}
                {%- do findings.append(name ~ ' is ' ~ tojson(value) ~ '; it must be text') -%}
            {%- elif kind == 'text' and not modules.re.match(rule.pattern, value) -%}
                {%- do findings.append(name ~ ' is ' ~ tojson(value) ~ '; it must match ' ~ rule.pattern) -%}
            {%- elif kind == 'day' and value and not modules.re.match('^[0-9]{4}-[0-9]{2}-[0-9]{2}$', value) -%}
                {%- do findings.append(name ~ ' is ' ~ tojson(value) ~ '; it must be a date like 2026-01-31, without a time of day') -%}
            {%- elif kind == 'date' and value and not modules.re.match('^[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2})?$', value) -%}
                {%- do findings.append(name ~ ' is ' ~ tojson(value) ~ '; it must be a date like 2026-01-31') -%}
            {%- elif kind == 'zone' and not modules.re.match('^[A-Za-z0-9_+/-]{1,64}$', value) -%}
                {%- do findings.append(name ~ ' is ' ~ tojson(value) ~ '; it must be the name of a time zone, such as Europe/Prague') -%}
            {%- elif kind == 'zone' and value not in modules.pytz.all_timezones_set -%}
                {%- do findings.append(name ~ ' is ' ~ tojson(value) ~ '; no time zone has this name') -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do segmentry.validate_features(findings) -%}
        {%- do segmentry.validate_windows(findings) -%}
        {%- if findings | length == 0 and var('segmentry_k_max') < var('segmentry_k_min') -%}
            {%- do findings.append('segmentry_k_max is ' ~ var('segmentry_k_max') ~ '; it must be at least segmentry_k_min, ' ~ var('segmentry_k_min')) -%}
        {%- endif -%}
        {%- if var('segmentry_explanation_provider') == 'openai' and not var('segmentry_explanation_model') -%}
            {%- do findings.append('segmentry_explanation_model is empty; openai needs the name of a model, as the server calls it') -%}
        {%- endif -%}
        {%- if findings | length == 0 and var('segmentry_k') > 20 -%}
            {%- do findings.append('segmentry_k is ' ~ var('segmentry_k') ~ '; it must be from 1 to 20, or 0 to let the method choose') -%}
        {%- endif -%}
        {%- if findings -%}
            {%- do exceptions.raise_compiler_error('The settings need a change: ' ~ (findings | join('; ')) ~ '. They are listed with their meaning in dbt_project.yml of Segmentry.') -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{# Feature names become SQL, so they must be in the list of what the profiles offer. #}
{% macro validate_features(findings) -%}
    {%- set seen = [] -%}
    {%- for feature in var('segmentry_features', []) -%}
        {%- if feature is not mapping or feature.keys() | sort | list != ['block', 'label', 'name', 'transform', 'unit'] -%}
            {%- do findings.append('an entry of segmentry_features is ' ~ tojson(feature) ~ '; it needs exactly name, block, transform, unit and label') -%}
        {%- else -%}
            {%- if feature.name not in segmentry.feature_expressions() -%}
                {%- do findings.append('segmentry_features names ' ~ tojson(feature.name) ~ '; the features are ' ~ (segmentry.feature_expressions().keys() | join(', '))) -%}
            {%- elif feature.name in seen -%}
                {%- do findings.append('segmentry_features names ' ~ feature.name ~ ' twice') -%}
            {%- endif -%}
            {%- if feature.transform not in ('log1p', 'none') -%}
                {%- do findings.append('the transform of ' ~ feature.name ~ ' is ' ~ tojson(feature.transform) ~ '; it must be log1p or none') -%}
            {%- endif -%}
            {%- for text in (feature.block, feature.unit, feature.label) -%}
                {%- if text is not string or not modules.re.match("^[^'\\\\<>]{1,60}$", text) -%}
                    {%- do findings.append('block, unit and label of ' ~ feature.name ~ ' must be short texts without quotes') -%}
                {%- endif -%}
            {%- endfor -%}
            {%- do seen.append(feature.name) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{% macro validate_windows(findings) -%}
    {%- set seen = [] -%}
    {%- for window in var('segmentry_windows', []) -%}
        {%- if window is not mapping or window.keys() | sort | list != ['days', 'lag_days', 'window_id'] -%}
            {%- do findings.append('an entry of segmentry_windows is ' ~ tojson(window) ~ '; it needs exactly window_id, days and lag_days') -%}
        {%- elif
            window.window_id is not string or not modules.re.match('^[a-z][a-z0-9_]{0,39}$', window.window_id) or window.window_id in seen
            or window.days is not integer or window.lag_days is not integer or window.days < 0 or window.lag_days < 0
            or window.days + window.lag_days == 0
        -%}
            {%- do findings.append(
                'the window ' ~ tojson(window) ~ ' is not usable: window_id must be a new name in lower case, days (0: everything) and lag_days at least 0 and not both 0'
            ) -%}
        {%- else -%}
            {%- do seen.append(window.window_id) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
