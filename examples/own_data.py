"""Your own data: tables with other names, mapped by a query, and what became of every row."""

from pathlib import Path

import duckdb

import segmentry

# A shop's own tables; here they are invented, in yours they are there.
shop = duckdb.connect()
invented, logins = segmentry.generate_small_dataset(n_customers=300, seed=7)
is_payment = invented["event_type"].isin(["purchase", "refund"])
shop.register("visits", invented[~is_payment])
shop.register("payments", invented[is_payment])

# The mapping: one query that gives the columns of docs/your-data.md. An order without a customer is added, to
# see it rejected.
events = shop.sql(
    """
    select customer_id, event_at, event_type, session_id, channel, category, null as order_id, null as amount
    from visits
    union all
    select customer_id, event_at, event_type, session_id, channel, category, order_id, amount
    from payments
    union all
    select null, timestamp '2026-09-01', 'purchase', null, null, null, 'o-1', 10
    """
)
config = segmentry.PipelineConfig(
    variables={"segmentry_reporting_currency": "EUR", "segmentry_time_zone": "Europe/Prague"},
    output=Path("own_data"),
)
result = segmentry.run_pipeline(config, events=events, id_history=logins, on_progress=print)

run = result.tables["segmentation_runs"].iloc[-1]
print(f"{run.event_count:,} events: {run.events_used:,} used, {run.events_rejected:,} rejected")
print(result.tables["rejected_events"]["reason"].value_counts().to_string())
merged = result.profiles["merged_id_count"].sum()
print(f"{len(result.profiles):,} customers, {merged:,} other ids of theirs merged")
print(result.summary())
print("Open own_data/report.html; own_data/warehouse.duckdb has every table.")
