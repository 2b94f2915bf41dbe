{# Why an id is the customer that it is, hop by hop, or why it is nobody else:

       dbt run-operation explain_merge --args '{id: "u-17"}'

   Reads the tables of the last build. `as_json` prints one line of JSON with the same facts. #}
{% macro explain_merge(id, as_json=false) -%}
    {%- if execute -%}
        {%- set facts = segmentry.merge_facts(id) -%}
        {%- do print(tojson(facts) if as_json else facts.lines | join('\n')) -%}
    {%- endif -%}
{%- endmacro %}

{# The facts about one id as a mapping: id, customer_id, status, depth, hops, conflicts, withdrawn, rejects, id_count, ids, lines. Times are text. #}
{% macro merge_facts(raw_id) -%}
    {%- set tables = {} -%}
    {%- for name in (
        'int_segmentry__id_merges_typed', 'int_segmentry__merge_edges_ranked', 'int_segmentry__merges_resolved', 'int_segmentry__merge_map_resolved',
    ) -%}
        {%- set relation = segmentry.earlier_relation(name) -%}
        {%- if relation is none -%}
            {%- do exceptions.raise_compiler_error('The table ' ~ name ~ ' was looked for in ' ~ target.database ~ ' and is not there. Run dbt build first.') -%}
        {%- endif -%}
        {%- do tables.update({name: relation}) -%}
    {%- endfor -%}
    {%- set merges = tables['int_segmentry__merges_resolved'] -%}
    {%- set edges = tables['int_segmentry__merge_edges_ranked'] -%}
    {%- set merge_map = tables['int_segmentry__merge_map_resolved'] -%}
    {%- set history = tables['int_segmentry__id_merges_typed'] -%}
    {%- set written = "'" ~ (raw_id | string | replace("'", "''")) ~ "'" -%}
    {%- set id = segmentry.row_values('select ' ~ segmentry.normalize_id(written) ~ ' as id')[0]['id'] -%}
    {%- if id is none or segmentry.row_values('select case when ' ~ segmentry.is_placeholder_id(written) ~ ' then 1 else 0 end as found')[0]['found'] == 1 -%}
        {%- do exceptions.raise_compiler_error('The id ' ~ tojson(raw_id) ~ ' is empty or stands for "no id" (segmentry_id_placeholders). Name an id as your tables have it.') -%}
    {%- endif -%}
    {%- set literal = "'" ~ (id | replace("'", "''")) ~ "'" -%}
    {%- set text = dbt.type_string() -%}

    {%- set place = segmentry.row_values('select customer_id, status, depth from ' ~ merge_map ~ ' where id = ' ~ literal) | first
        or {'customer_id': id, 'status': 'unmerged', 'depth': 0} -%}
    {# More than enough merges to go around a cycle once; the way is cut where it comes back. #}
    {%- set reach = segmentry.row_values(
        'select merges.depth, merges.cycle_length as own_length, (select max(cycles.cycle_length) from ' ~ merges
        ~ ' as cycles where cycles.cycle_id = merges.cycle_id) as cycle_length from ' ~ merges ~ ' as merges where merges.id = ' ~ literal
    ) | first or {'depth': 0, 'own_length': none, 'cycle_length': none} -%}
    {%- set hop_count = reach.depth if reach.cycle_length is none or place.status not in ('cycle', 'leads_to_cycle')
        else (reach.own_length or reach.depth + reach.cycle_length) -%}
    {%- set followed = [] if hop_count == 0 else segmentry.row_values(
        'with recursive hops as (select old_id, new_id, merged_at, source, 1 as hop from ' ~ edges ~ ' where conflict_rank = 1 and old_id = ' ~ literal
        ~ ' union all select edges.old_id, edges.new_id, edges.merged_at, edges.source, hops.hop + 1 as hop from hops inner join ' ~ edges
        ~ ' as edges on hops.new_id = edges.old_id and edges.conflict_rank = 1 where hops.hop < ' ~ hop_count
        ~ ') select hop, old_id, new_id, cast(merged_at as ' ~ text ~ ') as merged_at, source from hops order by hop'
    ) -%}
    {%- set hops = [] -%}
    {%- set visited = {} -%}
    {%- for hop in followed if hop.old_id not in visited -%}
        {%- do visited.update({hop.old_id: true}) -%}
        {%- do hops.append(hop) -%}
    {%- endfor -%}
    {%- set conflicts = segmentry.row_values(
        'select old_id, new_id, cast(merged_at as ' ~ text ~ ') as merged_at, source from ' ~ edges ~ ' where conflict_rank > 1 and old_id = ' ~ literal ~ ' order by conflict_rank'
    ) -%}
    {%- set withdrawn = segmentry.row_values(
        'select history.old_id, history.new_id, cast(max(history.merged_at) as ' ~ text ~ ') as merged_at from ' ~ history ~ ' as history left join ' ~ edges
        ~ ' as edges on history.old_id = edges.old_id and history.new_id = edges.new_id where edges.old_id is null and history.reject_reason is null'
        ~ " and history.operation = 'unmerge' and (history.old_id = " ~ literal ~ ' or history.new_id = ' ~ literal ~ ')'
        ~ ' group by history.old_id, history.new_id order by history.old_id, history.new_id'
    ) -%}
    {%- set rejects = segmentry.row_values(
        'select raw_old_id as old_id, raw_new_id as new_id, raw_merged_at as merged_at, reject_reason as reason from ' ~ history
        ~ ' where reject_reason is not null and (old_id = ' ~ literal ~ ' or new_id = ' ~ literal ~ ') order by raw_old_id, raw_new_id, raw_merged_at, reject_reason'
    ) -%}
    {%- set customer = "'" ~ (place.customer_id | replace("'", "''")) ~ "'" -%}
    {%- set id_count = segmentry.row_values('select count(*) as id_count from ' ~ merge_map ~ ' where customer_id = ' ~ customer)[0]['id_count'] -%}
    {%- set ids = segmentry.row_values('select id from ' ~ merge_map ~ ' where customer_id = ' ~ customer ~ ' order by id limit 10') | map(attribute='id') | list -%}

    {%- set facts = {
        'id': id, 'customer_id': place.customer_id, 'status': place.status, 'depth': place.depth | int, 'hops': hops, 'conflicts': conflicts,
        'withdrawn': withdrawn, 'rejects': rejects, 'id_count': [id_count | int, 1] | max, 'ids': ids or [id],
    } -%}
    {%- do facts.update({'lines': segmentry.merge_lines(facts)}) -%}
    {{ return(facts) }}
{%- endmacro %}

{# The facts in words. #}
{% macro merge_lines(facts) -%}
    {%- set reasons = {
        'unmerged': 'is its own customer, if it is an id at all: no merge names it that counts.',
        'survivor': 'is its own customer: others were merged into it, it was merged into nothing.',
        'direct': 'is ' ~ facts.customer_id ~ ', by one merge.',
        'chain': 'is ' ~ facts.customer_id ~ ', by ' ~ facts.depth ~ ' merges.',
        'cycle': 'is its own customer, since its merges run in a circle (segmentry_cycle_policy).',
        'leads_to_cycle': 'is its own customer, since its merges lead into a circle (segmentry_cycle_policy).',
    } -%}
    {%- set alarms = {'too_deep': 'segmentry_max_merge_depth', 'oversized': 'segmentry_max_cluster_size'} -%}
    {%- if facts.status in reasons -%}
        {%- set lines = [facts.id ~ ' ' ~ reasons[facts.status]] -%}
    {%- elif facts.id != facts.customer_id -%}
        {%- set lines = [facts.id ~ ' is ' ~ facts.customer_id ~ ', by ' ~ facts.depth ~ ' merge' ~ ('s' if facts.depth != 1 else '') ~ '; flagged as ' ~ facts.status ~ ' (' ~ alarms[facts.status] ~ ').'] -%}
    {%- elif facts.hops -%}
        {%- set lines = [facts.id ~ ' is its own customer: its merges are kept apart as ' ~ facts.status ~ ' (' ~ alarms[facts.status] ~ ').'] -%}
    {%- else -%}
        {%- set lines = [facts.id ~ ' is its own customer; the merges into it are flagged as ' ~ facts.status ~ ' (' ~ alarms[facts.status] ~ ').'] -%}
    {%- endif -%}
    {%- for hop in facts.hops[:50] -%}
        {%- do lines.append('  ' ~ loop.index ~ '. ' ~ hop.old_id ~ ' -> ' ~ hop.new_id ~ ', ' ~ hop.merged_at ~ (', source ' ~ hop.source if hop.source else '')) -%}
    {%- endfor -%}
    {%- if facts.hops | length > 50 -%} {%- do lines.append('  and ' ~ (facts.hops | length - 50) ~ ' more merges') -%} {%- endif -%}
    {%- for conflict in facts.conflicts -%}
        {%- do lines.append('Not followed: ' ~ conflict.old_id ~ ' -> ' ~ conflict.new_id ~ ', ' ~ conflict.merged_at ~ ': another merge of ' ~ conflict.old_id ~ ' counts (segmentry_conflict_policy).') -%}
    {%- endfor -%}
    {%- for merge in facts.withdrawn -%}
        {%- do lines.append('Taken back: ' ~ merge.old_id ~ ' -> ' ~ merge.new_id ~ ', ' ~ merge.merged_at ~ '.') -%}
    {%- endfor -%}
    {%- for reject in facts.rejects -%}
        {%- do lines.append('Rejected: ' ~ tojson(reject.old_id) ~ ' -> ' ~ tojson(reject.new_id) ~ ', ' ~ reject.merged_at ~ ': ' ~ reject.reason ~ '.') -%}
    {%- endfor -%}
    {%- if facts.id_count > 1 -%}
        {%- do lines.append(facts.customer_id ~ ' has ' ~ facts.id_count ~ ' ids: ' ~ (facts.ids | join(', ')) ~ (', ...' if facts.id_count > facts.ids | length else '') ~ '.') -%}
    {%- endif -%}
    {{ return(lines) }}
{%- endmacro %}

{# The rows of a query as mappings with lower-case names. #}
{% macro row_values(query) -%}
    {%- set table = run_query(query) -%}
    {%- set names = table.column_names | map('lower') | list -%}
    {%- set rows = [] -%}
    {%- for row in table.rows -%}
        {%- set values = {} -%}
        {%- for name in names -%} {%- do values.update({name: row[loop.index0]}) -%} {%- endfor -%}
        {%- do rows.append(values) -%}
    {%- endfor -%}
    {{ return(rows) }}
{%- endmacro %}
