-- Customers that are glued together from very many ids, and ids at the end of very long chains, are often strangers: look at them, and undo
-- the merge that does not belong (docs/methods/identity.md).
{{ config(severity='warn') }}

select
    id,
    customer_id,
    depth,
    status
from {{ ref('segmentry__customer_merge_map') }}
where status in ('too_deep', 'oversized')
