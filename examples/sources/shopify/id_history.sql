-- Shopify orders as the Admin REST API returns them: who bought as a guest becomes the account with the same address. DuckDB.
select
    md5(lower(trim(customer.email))) as old_id,
    customer.id as new_id,
    min(processed_at) as merged_at
from read_json('orders.json', columns = {customer: 'struct(id varchar, email varchar)', processed_at: 'timestamptz', test: 'boolean'})
where customer.id is not null and trim(customer.email) <> '' and not coalesce(test, false)
group by customer.email, customer.id
