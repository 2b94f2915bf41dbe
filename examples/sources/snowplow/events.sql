-- Snowplow atomic.events with the columns that every pipeline has, as Segmentry events. Plain SQL.
-- If you track with the e-commerce plug-in, take events_ecommerce.sql.
with atomic_events as (
    select
        event_id,
        coalesce(user_id, domain_userid) as customer_id,
        -- derived_tstamp is mended for the clock of the device; the collector's time is always there.
        coalesce(derived_tstamp, collector_tstamp) as event_at,
        event_name,
        domain_sessionid,
        page_url,
        mkt_medium,
        dvce_type,
        tr_orderid,
        tr_total,
        tr_currency,
        ti_orderid,
        ti_sku,
        ti_category,
        ti_price,
        ti_quantity,
        ti_currency
    from atomic.events
    -- Pings are many, and say only how long the last page was read.
    where event_name <> 'page_ping'
)

select
    -- The number of an order is its id: when the thank-you page is loaded again, the second one shows up as a duplicate.
    case event_name
        when 'transaction' then 'order ' || tr_orderid
        when 'transaction_item' then 'item ' || ti_orderid || ' ' || ti_sku
        else event_id
    end as event_id,
    customer_id,
    event_at,
    case event_name
        when 'screen_view' then 'page_view'
        when 'transaction' then 'purchase'
        when 'transaction_item' then 'purchase_item'
        else event_name
    end as event_type,
    domain_sessionid as session_id,
    coalesce(tr_orderid, ti_orderid) as order_id,
    mkt_medium as channel,
    case when dvce_type = 'Computer' then 'desktop' else lower(dvce_type) end as device_type,
    ti_category as category,
    ti_sku as product_id,
    ti_quantity as quantity,
    coalesce(tr_total, ti_price * ti_quantity) as amount,
    coalesce(tr_currency, ti_currency) as currency
from atomic_events
