-- Amounts were converted by rates that Segmentry ships as examples: put today's into the table behind segmentry_exchange_rates.
{{ config(severity='warn') }}

select count(*) as event_count
from {{ ref('int_segmentry__events_typed') }}
where is_example_rate
having count(*) > 0
