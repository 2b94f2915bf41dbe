-- Snowplow events of the e-commerce plug-in, as Segmentry events. BigQuery (Streaming Loader 2: one column per major version of a schema).
with atomic_events as (
    select
        event_id,
        coalesce(user_id, domain_userid) as customer_id,
        -- derived_tstamp is mended for the clock of the device; the collector's time is always there.
        coalesce(derived_tstamp, collector_tstamp) as event_at,
        coalesce(unstruct_event_com_snowplowanalytics_snowplow_ecommerce_snowplow_ecommerce_action_1.type, event_name) as action_type,
        domain_sessionid,
        page_url,
        mkt_medium,
        dvce_type,
        contexts_com_snowplowanalytics_snowplow_ecommerce_product_1 as products,
        contexts_com_snowplowanalytics_snowplow_ecommerce_transaction_1[safe_offset(0)] as paid,
        contexts_com_snowplowanalytics_snowplow_ecommerce_refund_1[safe_offset(0)] as refunded
    from atomic.events
    where event_name <> 'page_ping'
),

located_events as (
    select
        atomic_events.*,
        -- A product page sends page_view and product_view; it is one page.
        max(case when action_type = 'product_view' then 1 else 0 end) over (partition by domain_sessionid, page_url) as is_product_page
    from atomic_events
),

-- The number of an order is its id: when the thank-you page is loaded again, the second one shows up as a duplicate.
whole_events as (
    select
        case when action_type = 'transaction' then concat('order ', paid.transaction_id) else event_id end as event_id,
        customer_id,
        event_at,
        case action_type
            when 'screen_view' then 'page_view'
            when 'product_view' then 'item_view'
            when 'checkout_step' then 'checkout'
            when 'transaction' then 'purchase'
            else action_type
        end as event_type,
        domain_sessionid,
        coalesce(paid.transaction_id, refunded.transaction_id) as order_id,
        mkt_medium,
        dvce_type,
        case when action_type = 'product_view' then products[safe_offset(0)] end as product,
        case action_type when 'transaction' then paid.revenue when 'refund' then refunded.refund_amount end as amount,
        paid.discount_amount,
        coalesce(paid.currency, refunded.currency) as currency
    from located_events
    where
        action_type <> 'add_to_cart'
        and not (action_type = 'page_view' and page_url is not null and is_product_page = 1)
),

-- The transaction carries the money; its products tell categories.
product_events as (
    select
        case
            when atomic_events.action_type = 'transaction' then concat('item ', atomic_events.paid.transaction_id, ' ', product.id)
            else concat(atomic_events.event_id, ' ', product.id)
        end as event_id,
        atomic_events.customer_id,
        atomic_events.event_at,
        case atomic_events.action_type when 'transaction' then 'purchase_item' else 'add_to_cart' end as event_type,
        atomic_events.domain_sessionid,
        atomic_events.paid.transaction_id as order_id,
        atomic_events.mkt_medium,
        atomic_events.dvce_type,
        product
    from atomic_events
    cross join unnest(atomic_events.products) as product
    where atomic_events.action_type in ('add_to_cart', 'transaction')
),

all_events as (
    select * from whole_events
    full outer union all by name
    select * from product_events
)

select
    event_id,
    customer_id,
    event_at,
    event_type,
    domain_sessionid as session_id,
    order_id,
    mkt_medium as channel,
    case when dvce_type = 'Computer' then 'desktop' else lower(dvce_type) end as device_type,
    replace(product.category, '/', ' > ') as category,
    product.id as product_id,
    product.quantity,
    amount,
    discount_amount,
    currency
from all_events
