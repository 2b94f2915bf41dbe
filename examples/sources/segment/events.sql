-- Segment (Twilio) warehouse tables with the events of its e-commerce spec, as Segmentry events. BigQuery; replace your_source by your schema.
with cancelled_orders as (
    select distinct order_id
    from your_source.order_cancelled
    where order_id is not null
),

completed_orders as (
    select
        completed.user_id,
        completed.anonymous_id,
        completed.timestamp,
        completed.context_user_agent,
        completed.context_campaign_medium,
        completed.order_id,
        -- The number of an order is its id: when the thank-you page is loaded again, the second one shows up as a duplicate.
        coalesce(concat('order ', completed.order_id), completed.id) as event_id,
        -- Revenue leaves out shipping and tax; it stands in where a shop sends no total.
        coalesce(completed.total, completed.revenue) as amount,
        completed.discount as discount_amount,
        completed.currency,
        completed.products
    from your_source.order_completed as completed
    left join cancelled_orders
        on completed.order_id = cancelled_orders.order_id
    where cancelled_orders.order_id is null
),

order_totals as (
    select
        order_id,
        max(amount) as amount
    from completed_orders
    where order_id is not null
    group by order_id
),

viewed_pages as (
    select id, user_id, anonymous_id, timestamp, context_user_agent, context_campaign_medium, context_page_url, 'page_view' as event_type
    from your_source.pages
    full outer union all by name
    select
        id, user_id, anonymous_id, timestamp, context_user_agent, context_campaign_medium, context_page_url, 'category_view' as event_type,
        category
    from your_source.product_list_viewed
    full outer union all by name
    select
        id, user_id, anonymous_id, timestamp, context_user_agent, context_campaign_medium, context_page_url, 'item_view' as event_type,
        category, product_id
    from your_source.product_viewed
),

located_pages as (
    select
        viewed_pages.*,
        -- The page of a product sends a page call and a track call; it is one page.
        max(case when event_type <> 'page_view' then 1 else 0 end) over (partition by anonymous_id, context_page_url) as is_product_page
    from viewed_pages
),

all_events as (
    select
        id as event_id, user_id, anonymous_id, timestamp, context_user_agent, context_campaign_medium, event_type,
        category, product_id
    from located_pages
    where not (event_type = 'page_view' and context_page_url is not null and is_product_page = 1)
    full outer union all by name
    select
        id as event_id, user_id, anonymous_id, timestamp, context_user_agent, context_campaign_medium, 'add_to_cart' as event_type,
        category, product_id, cast(quantity as string) as quantity
    from your_source.product_added
    full outer union all by name
    select id as event_id, user_id, anonymous_id, timestamp, context_user_agent, context_campaign_medium, 'checkout' as event_type
    from your_source.checkout_started
    full outer union all by name
    select
        event_id, user_id, anonymous_id, timestamp, context_user_agent, context_campaign_medium, 'purchase' as event_type,
        order_id, amount, discount_amount, currency
    from completed_orders
    full outer union all by name
    -- An array arrives in a warehouse as JSON text.
    select
        concat(event_id, ' item ', cast(position as string)) as event_id,
        user_id, anonymous_id, timestamp, context_user_agent, context_campaign_medium, 'purchase_item' as event_type,
        order_id,
        json_value(product, '$.category') as category,
        json_value(product, '$.product_id') as product_id,
        json_value(product, '$.quantity') as quantity
    from completed_orders
    cross join unnest(json_query_array(products)) as product with offset as position
    full outer union all by name
    -- The spec asks for nothing but the number of a refunded order; without an amount all of it was paid back.
    select
        refunded.id as event_id, refunded.user_id, refunded.anonymous_id, refunded.timestamp, 'refund' as event_type,
        refunded.order_id, coalesce(refunded.total, order_totals.amount) as amount, refunded.currency
    from your_source.order_refunded as refunded
    left join order_totals
        on refunded.order_id = order_totals.order_id
    left join cancelled_orders
        on refunded.order_id = cancelled_orders.order_id
    where cancelled_orders.order_id is null
)

select
    event_id,
    coalesce(user_id, anonymous_id) as customer_id,
    timestamp as event_at,
    event_type,
    order_id,
    context_campaign_medium as channel,
    case when context_user_agent like '%Mobi%' then 'mobile' when context_user_agent is not null then 'desktop' end as device_type,
    category,
    product_id,
    quantity,
    amount,
    discount_amount,
    currency
from all_events
