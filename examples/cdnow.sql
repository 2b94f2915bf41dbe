-- CDNOW (Fader and Hardie) as Segmentry events: one event per order. Dates without times, no categories, no visits: the result has none either.
select
    cast(customer_id as varchar) as customer_id,
    event_time as event_at,
    event_type,
    quantity,
    cast(amount as decimal(18, 2)) as amount,
    'USD' as currency,
from lines
