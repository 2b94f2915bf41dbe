-- Bloomreach Engagement (Exponea), its BigQuery export, as Segmentry events. BigQuery; replace the name of the data set by yours.
-- The names of properties are those of Bloomreach's own tracking documents; a project may have others.
with viewed_pages as (
    select internal_customer_id, timestamp, properties.os, properties.location, 'page_view' as event_type
    from exp_your_project_views.page_visit
    full outer union all by name
    select
        internal_customer_id, timestamp, properties.os, properties.location, 'category_view' as event_type,
        properties.category_level_1, properties.category_level_2, properties.category_level_3
    from exp_your_project_views.view_category
    full outer union all by name
    select
        internal_customer_id, timestamp, properties.os, properties.location, 'item_view' as event_type,
        properties.category_level_1, properties.category_level_2, properties.category_level_3, properties.product_id
    from exp_your_project_views.view_item
),

located_pages as (
    select
        viewed_pages.*,
        -- The page of a product sends page_visit and view_item; it is one page.
        max(case when event_type <> 'page_view' then 1 else 0 end) over (partition by internal_customer_id, location) as is_product_page
    from viewed_pages
),

all_events as (
    select
        internal_customer_id, timestamp, os, event_type,
        category_level_1, category_level_2, category_level_3, product_id
    from located_pages
    where not (event_type = 'page_view' and location is not null and is_product_page = 1)
    full outer union all by name
    select internal_customer_id, timestamp, properties.os, 'session_start' as event_type, properties.utm_medium
    from exp_your_project_views.session_start
    full outer union all by name
    select
        internal_customer_id, timestamp, properties.os, 'add_to_cart' as event_type,
        properties.category_level_1, properties.category_level_2, properties.category_level_3, properties.product_id, properties.quantity
    from exp_your_project_views.cart_update
    where properties.action = 'add'
    full outer union all by name
    select internal_customer_id, timestamp, properties.os, 'checkout' as event_type
    from exp_your_project_views.checkout
    full outer union all by name
    -- The number of a purchase is its id: one that was tracked in the browser and imported again shows up as a duplicate.
    select
        case when properties.purchase_status = 'success' then concat('purchase ', properties.purchase_id) end as event_id,
        internal_customer_id, timestamp, properties.os,
        case properties.purchase_status when 'success' then 'purchase' else 'refund' end as event_type,
        properties.purchase_id, properties.total_price, properties.voucher_value
    from exp_your_project_views.purchase
    where properties.purchase_status in ('success', 'refund')
    full outer union all by name
    -- The purchase carries the money; its items tell categories and products.
    select
        concat('item ', properties.purchase_id, ' ', properties.product_id) as event_id,
        internal_customer_id, timestamp, properties.os, 'purchase_item' as event_type,
        properties.category_level_1, properties.category_level_2, properties.category_level_3, properties.product_id, properties.quantity,
        properties.purchase_id
    from exp_your_project_views.purchase_item
    where properties.purchase_status = 'success'
    full outer union all by name
    select internal_customer_id, timestamp, case properties.status when 'opened' then 'email_open' else 'email_click' end as event_type
    from exp_your_project_views.campaign
    where properties.action_type = 'email' and properties.status in ('opened', 'clicked')
)

select
    event_id,
    internal_customer_id as customer_id,
    timestamp as event_at,
    event_type,
    purchase_id as order_id,
    utm_medium as channel,
    case when os in ('iOS', 'Android') then 'mobile' when os is not null then 'desktop' end as device_type,
    array_to_string([category_level_1, category_level_2, category_level_3], ' > ') as category,
    product_id,
    quantity,
    total_price as amount,
    voucher_value as discount_amount
from all_events
