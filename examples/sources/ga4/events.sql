-- Google Analytics 4, BigQuery export, as Segmentry events. BigQuery; put the name of your dataset into the first CTE.
with exported_events as (
    select
        event_name,
        timestamp_micros(event_timestamp) as event_at,
        coalesce(user_id, user_pseudo_id) as customer_id,
        concat(
            user_pseudo_id, '.',
            cast((select param.value.int_value from unnest(event_params) as param where param.key = 'ga_session_id') as string)
        ) as session_id,
        (select param.value.string_value from unnest(event_params) as param where param.key = 'page_location') as page_location,
        (select param.value.string_value from unnest(event_params) as param where param.key = 'currency') as currency,
        nullif(ecommerce.transaction_id, '(not set)') as order_id,
        ecommerce.purchase_revenue,
        ecommerce.refund_value,
        session_traffic_source_last_click.cross_channel_campaign.default_channel_group as channel,
        device.category as device_type,
        items
    from `your-project.analytics_123456789.events_*`
    -- events_* also finds the tables events_intraday_*, which hold the same events once more.
    where _table_suffix not like 'intraday%'
),

located_events as (
    select
        exported_events.*,
        -- A product page sends page_view and view_item; it is one page.
        max(case when event_name = 'view_item' then 1 else 0 end) over (partition by session_id, page_location) as is_product_page
    from exported_events
),

-- The transaction of a purchase is its id: when the thank-you page is loaded again, the second one shows up as a duplicate.
whole_events as (
    select
        case when event_name = 'purchase' then concat('purchase ', order_id) end as event_id,
        customer_id,
        event_at,
        case event_name
            when 'screen_view' then 'page_view'
            when 'view_item' then 'item_view'
            when 'begin_checkout' then 'checkout'
            else event_name
        end as event_type,
        session_id,
        order_id,
        channel,
        device_type,
        case when event_name = 'view_item' then items[safe_offset(0)] end as item,
        case event_name when 'purchase' then purchase_revenue when 'refund' then refund_value end as amount,
        currency
    from located_events
    where
        event_name <> 'add_to_cart'
        and not (event_name = 'page_view' and page_location is not null and is_product_page = 1)
),

-- The purchase carries the money; its items tell categories and products.
item_events as (
    select
        case
            when exported_events.event_name = 'purchase'
                then concat('item ', exported_events.order_id, ' ', cast(item_position as string))
        end as event_id,
        exported_events.customer_id,
        exported_events.event_at,
        case exported_events.event_name when 'purchase' then 'purchase_item' else 'add_to_cart' end as event_type,
        exported_events.session_id,
        exported_events.order_id,
        exported_events.channel,
        exported_events.device_type,
        item
    from exported_events
    cross join unnest(exported_events.items) as item with offset as item_position
    where exported_events.event_name in ('add_to_cart', 'purchase')
),

all_events as (
    select * from whole_events
    full outer union all by name
    select * from item_events
)

select
    event_id,
    customer_id,
    event_at,
    event_type,
    session_id,
    order_id,
    channel,
    device_type,
    array_to_string(
        [
            nullif(item.item_category, '(not set)'),
            nullif(item.item_category2, '(not set)'),
            nullif(item.item_category3, '(not set)')
        ],
        ' > '
    ) as category,
    nullif(item.item_id, '(not set)') as product_id,
    item.quantity,
    amount,
    currency
from all_events
