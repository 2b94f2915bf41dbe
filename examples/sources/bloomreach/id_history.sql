-- Bloomreach Engagement (Exponea), its BigQuery export: every id that a customer ever had. BigQuery.
-- The table is the state of today; without a time, each merge counts from the beginning.
select
    past_id as old_id,
    internal_customer_id as new_id,
    timestamp('1970-01-01 00:00:00') as merged_at
from exp_your_project_views.customers_id_history
where past_id <> internal_customer_id
