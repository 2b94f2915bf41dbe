select
    'web-' || event_number as event_id,
    user_id as customer_id,
    happened_at as event_at,
    case action when 'order' then 'purchase' else action end as event_type,
    shelf as category,
    paid as amount
from {{ source('shop', 'web_events') }}
