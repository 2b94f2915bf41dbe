-- Shopify orders as the Admin REST API returns them, one order per line of orders.json, as Segmentry events. DuckDB.
with given_orders as (
    select *
    from read_json(
        'orders.json',
        columns = {
            id: 'varchar', test: 'boolean', processed_at: 'timestamptz', cancelled_at: 'timestamptz', financial_status: 'varchar',
            email: 'varchar', customer: 'struct(id varchar, email varchar)', source_name: 'varchar', currency: 'varchar',
            total_price: 'varchar', total_discounts: 'varchar',
            line_items: 'struct(id varchar, product_id varchar, quantity varchar)[]',
            refunds: 'struct(
                processed_at timestamptz,
                transactions struct(id varchar, kind varchar, status varchar, amount varchar, currency varchar)[]
            )[]'
        }
    )
),

counted_orders as (
    select
        -- A guest has no account: the hash of the address stands for the person, and id_history.sql joins it to a later account.
        coalesce(customer.id, md5(nullif(lower(trim(email)), ''))) as customer_id,
        id as order_id,
        processed_at,
        source_name,
        currency,
        total_price,
        total_discounts,
        line_items,
        refunds
    from given_orders
    -- A cancelled order is none, and neither are the orders of a test of the payment.
    where cancelled_at is null and not coalesce(test, false) and coalesce(financial_status, '') <> 'voided'
),

order_lines as (
    select
        customer_id,
        order_id,
        processed_at,
        source_name,
        unnest(line_items) as line_item
    from counted_orders
),

order_refunds as (
    select
        customer_id,
        order_id,
        unnest(refunds) as refund
    from counted_orders
),

refund_transactions as (
    select
        customer_id,
        order_id,
        refund.processed_at,
        unnest(refund.transactions) as payment
    from order_refunds
)

-- Ids of events make an order that was exported twice a duplicate.
select
    concat('order ', order_id) as event_id,
    customer_id,
    processed_at as event_at,
    'purchase' as event_type,
    order_id,
    source_name as channel,
    null as product_id,
    null as quantity,
    total_price as amount,
    total_discounts as discount_amount,
    currency
from counted_orders
union all
select
    concat('item ', line_item.id) as event_id,
    customer_id,
    processed_at as event_at,
    'purchase_item' as event_type,
    order_id,
    source_name as channel,
    line_item.product_id,
    line_item.quantity,
    null as amount,
    null as discount_amount,
    null as currency
from order_lines
union all
-- A refund is in the currency that the customer paid in, which need not be the shop's.
select
    concat('refund ', payment.id) as event_id,
    customer_id,
    processed_at as event_at,
    'refund' as event_type,
    order_id,
    null as channel,
    null as product_id,
    null as quantity,
    payment.amount,
    null as discount_amount,
    payment.currency
from refund_transactions
where payment.kind = 'refund' and payment.status = 'success'
