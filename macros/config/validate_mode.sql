{# Stops before any model when customers are to be assigned to segments that do not exist, or that are made of other features. #}
{% macro validate_mode() -%}
    {%- if execute and flags.WHICH in ('run', 'build', 'retry') and var('segmentry_mode') == 'assign' -%}
        {%- set remedy = ' Build once with segmentry_mode: refit.' -%}
        {%- set history = segmentry.kept_by_refit('int_segmentry__centroid_history') -%}
        {%- set kept = run_query(
            'select distinct history.feature, history.feature_definition, (select max(cluster) from ' ~ history ~ ' where run_id = newest.run_id) as k'
            ~ ' from ' ~ history ~ ' as history inner join (' ~ segmentry.newest_refit(history) ~ ') as newest on history.run_id = newest.run_id'
        ).rows if history else [] -%}
        {%- if kept | length == 0 -%}
            {%- do exceptions.raise_compiler_error(
                'segmentry_mode is assign, but no earlier refit has left segments behind to which customers could be assigned.' ~ remedy
            ) -%}
        {%- endif -%}
        {%- set then = {} -%}
        {%- for row in kept -%} {%- do then.update({row[0]: row[1]}) -%} {%- endfor -%}
        {%- set findings = [] -%}
        {%- for feature in var('segmentry_features') -%}
            {%- set now = segmentry.feature_definition(feature) -%}
            {%- set before = then.pop(feature.name, none) -%}
            {%- if before is none -%}
                {%- do findings.append(feature.name ~ ' was not among them') -%}
            {%- elif before != now -%}
                {%- do findings.append(feature.name ~ ' was made with ' ~ before ~ ', and now with ' ~ now) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- for name in then | sort -%} {%- do findings.append(name ~ ' is missing now') -%} {%- endfor -%}
        {%- if findings -%}
            {%- do exceptions.raise_compiler_error(
                'segmentry_mode is assign, but the features are not those that the last refit clustered: ' ~ findings | join('; ') ~ '.' ~ remedy
            ) -%}
        {%- endif -%}
        {%- set largest = [var('segmentry_k_max'), var('segmentry_k')] | max -%}
        {%- if kept[0][2] | int > largest -%}
            {%- do exceptions.raise_compiler_error(
                'segmentry_mode is assign, and the last refit has ' ~ kept[0][2] ~ ' segments, but segmentry_k_max allows ' ~ largest ~ '. Raise it, or build once with segmentry_mode: refit.'
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
