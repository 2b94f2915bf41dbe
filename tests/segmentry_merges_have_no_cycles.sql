-- Ids that were merged in a circle are quarantined: each stays its own customer until the history is corrected.
{{ config(severity='warn') }}

select
    cycle_id,
    count(*) as id_count
from {{ ref('segmentry__id_merge_cycles') }}
group by cycle_id
