"""The profile layer beside its floor and its peers, and event-grain models when one customer in a hundred changed.

    python benchmarks/profiles.py --customers 200000 [--memory-limit 1GB] [--peers pandas polars]

The floor is one `group by` over the same typed events, in the same file with the same threads, that reads every column that the profile layer
reads, once: count, sums of the amounts, least and greatest times, greatest text of each column. The narrow floor reads no text but the id. Models run
one after the other, so that seconds add up. Peers do a part of the same job (revenue, orders, sessions, hour, weekday, channel, device and category
preferences, first and last seen) on the events that Segmentry resolved, from Parquet, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from child import run_child

EVENTS = "segmentry_internal.int_segmentry__events_typed"
TEXTS = ["event_type", "session_id", "order_id", "channel", "device_type", "category"]
NARROW_FLOOR = f"select source_customer_id, count(*), sum(amount), min(event_at), max(event_at) from {EVENTS} group by all"
OTHERS = [
    "min(event_local_at)", "max(event_local_at)", "sum(discount_amount)",
    *(f"max({column})" for column in ("event_id", "reject_reason", *TEXTS)),
]  # fmt: skip
FLOOR = NARROW_FLOOR.replace(" from", f", {', '.join(OTHERS)} from")
EVENT_GRAIN = [
    f"int_segmentry__{name}"
    for name in (
        "events_typed", "repeated_ids_counted", "duplicate_events_ranked", "settled_events_hashed", "customers_fingerprinted",
        "changed_ids_listed", "changed_events_resolved", "sessions_built", "orders_built", "purchase_days_built",
    )
]  # fmt: skip
RUN = """
import json, os, sys, time
from pathlib import Path
from segmentry.project import invoke
started, spent = {}, {}
def note(event):
    if event.info.name == "NodeStart":
        started[event.data.node_info.unique_id] = time.process_time()
    elif event.info.name == "NodeFinished":
        spent[event.data.node_info.unique_id] = time.process_time() - started[event.data.node_info.unique_id]
work, database, select, options, variables = sys.argv[1:6]
arguments = ["run", "--select", *json.loads(select), *json.loads(options), "--vars", variables]
values = {"SEGMENTRY_DB": database, "SEGMENTRY_THREADS": "1", "SEGMENTRY_TEMP_DIRECTORY": work + "/spill",
          "SEGMENTRY_INPUT_FILES": os.environ["SEGMENTRY_INPUT_FILES"]}
values |= {"SEGMENTRY_MEMORY_LIMIT": os.environ["SEGMENTRY_MEMORY_LIMIT"]} if "SEGMENTRY_MEMORY_LIMIT" in os.environ else {}
outcome = invoke(arguments, work=Path(work), values=values, callbacks=[note])
if not outcome.success:
    raise SystemExit(str(outcome.exception or [result.message for result in outcome.result.results]))
results = [result for result in outcome.result.results if result.node.resource_type == "model"]
print(json.dumps({result.node.name: [result.node.fqn[1], spent[result.node.unique_id]] for result in results}))
"""
PEERS = {
    "pandas": """
import sys, pandas as pd
events = pd.read_parquet(sys.argv[1])
key = "customer_id"
seen = events.groupby(key)["event_at"].agg(["min", "max", "size"])
money = events[events["event_type"].isin(["purchase", "refund"])]
spent = money.pivot_table(index=key, columns="event_type", values="amount", aggfunc="sum")
orders = money[money["event_type"] == "purchase"].groupby(key)["order_id"].nunique()
active = events[events["session_id"].notna()]
active = active.assign(**{kind: active["event_type"] == kind for kind in ("page_view", "item_view", "add_to_cart", "purchase")})
sessions = active.groupby([key, "session_id"]).agg(
    start=("event_at", "min"), end=("event_at", "max"), channel=("channel", "min"), device_type=("device_type", "min"),
    **{kind: (kind, "sum") for kind in ("page_view", "item_view", "add_to_cart", "purchase")}).reset_index()
sessions = sessions.assign(hour=sessions["start"].dt.hour, weekday=sessions["start"].dt.weekday,
                           seconds=(sessions["end"] - sessions["start"]).dt.total_seconds())
visits = sessions.groupby(key)[["seconds", "page_view", "item_view", "add_to_cart", "purchase"]].sum()
def top(frame, column):
    counts = frame.groupby([key, column]).size().reset_index(name="n")
    return counts.sort_values([key, "n", column], ascending=[True, False, True]).drop_duplicates(key).set_index(key)[column]
tops = [top(sessions, column) for column in ("hour", "weekday", "channel", "device_type")] + [top(events, "category")]
print(len(pd.concat([seen, spent, orders, visits, *tops], axis=1)))
""",
    "polars": """
import sys, polars as pl
events = pl.scan_parquet(sys.argv[1])
key = "customer_id"
kind = lambda name: (pl.col("event_type") == name)
base = events.group_by(key).agg(pl.col("event_at").min().alias("first"), pl.col("event_at").max().alias("last"), pl.len(),
    pl.col("amount").filter(kind("purchase")).sum().alias("spent"), pl.col("amount").filter(kind("refund")).sum().alias("refunded"),
    pl.col("order_id").filter(kind("purchase")).n_unique().alias("orders"))
sessions = events.filter(pl.col("session_id").is_not_null()).group_by(key, "session_id").agg(
    pl.col("event_at").min().alias("start"), pl.col("event_at").max().alias("end"), pl.col("channel").min(), pl.col("device_type").min(),
    *[kind(name).sum().alias(name) for name in ("page_view", "item_view", "add_to_cart", "purchase")]).with_columns(
    pl.col("start").dt.hour().alias("hour"), pl.col("start").dt.weekday().alias("weekday")).collect().lazy()
visits = sessions.group_by(key).agg((pl.col("end") - pl.col("start")).sum().alias("seconds"),
    pl.col("page_view", "item_view", "add_to_cart", "purchase").sum())
def top(frame, column):
    counts = frame.filter(pl.col(column).is_not_null()).group_by(key, column).agg(pl.len().alias("n"))
    return counts.sort([key, "n", column], descending=[False, True, False]).unique(key, keep="first", maintain_order=True).select(key, column)
result = base.join(visits, on=key, how="left")
for column in ("hour", "weekday", "channel", "device_type"):
    result = result.join(top(sessions, column), on=key, how="left")
print(result.join(top(events, "category"), on=key, how="left").collect().height)
""",
}


def run_models(
    work: Path,
    database: Path,
    select: Sequence[str],
    variables: dict[str, Any],
    *options: str,
    **environment: str,
) -> tuple[dict[str, tuple[str, float]], float]:
    """Run models of the project: the layer and the seconds of each, and the peak memory in MB."""
    settings = {
        "segmentry_use_demo": False,
        "segmentry_events": "{{ source('segmentry_input', 'events') }}",
        "segmentry_id_history": "{{ source('segmentry_input', 'id_history') }}",
        **variables,
    }
    text, _, memory = run_child(
        "-c",
        RUN,
        str(work),
        str(database),
        json.dumps(list(select)),
        json.dumps(list(options)),
        json.dumps(settings),
        **environment,
    )
    return {name: (layer, seconds) for name, (layer, seconds) in json.loads(text).items()}, memory


def prepare(database: Path, source: Path, events: str) -> None:
    """Make the input views and the seed in a new database."""
    with duckdb.connect(str(database), config={"storage_compatibility_version": "v1.2.0"}) as connection:
        connection.execute("create schema segmentry_input; create schema segmentry_internal")
        connection.execute(f"create view segmentry_input.events as {events}")
        connection.execute(f"create view segmentry_input.id_history as from '{source}/id_history.parquet'")
        connection.execute(
            "create table segmentry_internal.segmentry_exchange_rates as from read_csv('seeds/segmentry_exchange_rates.csv')"
        )


def seconds_of(database: Path, sql: str) -> float:
    """Median of five runs."""
    times = []
    with duckdb.connect(str(database), config={"threads": 2}) as connection:
        for _ in range(5):
            started = time.process_time()
            connection.execute(f"create or replace table segmentry_internal.grouped as {sql}")
            times.append(time.process_time() - started)
        connection.execute("drop table segmentry_internal.grouped")
    return statistics.median(times)


def lines(
    customers: int,
    source: Path,
    peers: Sequence[str] = (),
    memory_limit: str | None = None,
    peer_python: str = sys.executable,
) -> list[dict[str, Any]]:
    """The lines of one data set that `scripts/generate_data.py` wrote to `source`."""
    found: list[dict[str, Any]] = []

    def add(line: str, value: float, unit: str) -> None:
        found.append({"line": line, "customers": customers, "value": value, "unit": unit})
        print(f"{line:<62}{customers:>12,}{value:>12,.2f} {unit}", flush=True)

    parquet = f"'{(source / 'events.parquet').resolve()}'"
    environment = {
        "SEGMENTRY_INPUT_FILES": json.dumps([str(path.resolve()) for path in source.glob("*.parquet")])
    }
    environment |= {"SEGMENTRY_MEMORY_LIMIT": memory_limit} if memory_limit else {}
    with tempfile.TemporaryDirectory(dir=source) as directory:
        work = Path(directory)
        database = work / "warehouse.duckdb"
        prepare(database, source, f"from {parquet}")
        # Value and churn are fitted by Python models and measured beside their own peers.
        models = [
            "+int_segmentry__lifecycle_aggregated",
            "+int_segmentry__revenue_aggregated",
            "+int_segmentry__engagement_aggregated",
        ]
        models += [
            "+int_segmentry__temporal_aggregated",
            "+int_segmentry__affinity_aggregated",
            "+int_segmentry__purchase_days_built",
        ]
        seconds, memory = run_models(work, database, models, {}, **environment)
        staging = sum(value for layer, value in seconds.values() if layer == "staging")
        profiles = sum(value for layer, value in seconds.values() if layer == "profiles")
        for name, (layer, value) in seconds.items():
            if layer == "profiles" or name == "int_segmentry__events_typed":
                add(f"  {name}", value, "s")
        floor, narrow = seconds_of(database, FLOOR), seconds_of(database, NARROW_FLOOR)
        limit = f", memory_limit {memory_limit}" if memory_limit else ""
        add(f"staging{limit}", staging, "s")
        add(f"profile layer{limit}", profiles, "s")
        add("profile layer, peak memory of the process", memory, "MB")
        add("floor: group by customer over every column", floor, "s")
        add("narrow floor: no text but the id", narrow, "s")
        add("profile layer / floor", profiles / floor, "x")
        add("profile layer / narrow floor", profiles / narrow, "x")
        if peers:
            resolved = work / "resolved.parquet"
            with duckdb.connect(str(database), read_only=True) as connection:
                columns = ["customer_id", "event_at", "cast(amount as double) as amount", *TEXTS]
                connection.execute(
                    f"copy (select {', '.join(columns)} from segmentry_internal.int_segmentry__events_resolved) to '{resolved}'"
                )
            for peer in peers:
                try:
                    _, wall, memory = run_child("-c", PEERS[peer], str(resolved), python=peer_python)
                    add(f"{peer}, a part of the job", wall, "s")
                    add(f"{peer}, peak memory", memory, "MB")
                except RuntimeError as error:
                    print(f"{peer}: {error}")
    return found


def incremental_lines(customers: int, source: Path) -> list[dict[str, Any]]:
    """Event-grain models: all, then after a load that touches one customer in a hundred."""
    parquet = f"'{(source / 'events.parquet').resolve()}'"
    # Events came as they happened; the last month of one customer in a hundred comes late, in one load.
    is_new = (
        "hash(customer_id) % 100 = 0 and event_at between timestamp '2026-09-01' and timestamp '2026-10-01'"
    )
    stamp = f"case when {is_new} then timestamp '2026-10-02' when event_at < '2026-10-01' then event_at else timestamp '2026-10-01' end"
    with tempfile.TemporaryDirectory(dir=source) as directory:
        work = Path(directory)
        database = work / "warehouse.duckdb"
        loaded = work / "loaded.parquet"
        with duckdb.connect() as connection:
            connection.execute(
                f"copy (select *, {stamp} as ingested_at from {parquet} order by ingested_at) to '{loaded}'"
            )
            new_events = connection.execute(
                f"select count(*) from '{loaded}' where ingested_at = '2026-10-02'"
            ).fetchall()[0][0]
        environment = {
            "SEGMENTRY_INPUT_FILES": json.dumps([str(loaded), str((source / "id_history.parquet").resolve())])
        }
        models = [f"+{name}" for name in EVENT_GRAIN]
        sums = []
        for condition in ("where ingested_at < timestamp '2026-10-02'", ""):
            if not sums:
                prepare(database, source, f"from '{loaded}' {condition}")
            else:
                with duckdb.connect(str(database)) as connection:
                    connection.execute(f"create or replace view segmentry_input.events as from '{loaded}'")
            seconds, _ = run_models(work, database, models, {"segmentry_incremental": True}, **environment)
            sums.append(sum(seconds[name][1] for name in EVENT_GRAIN))
            for name in EVENT_GRAIN:
                print(f"  {name:<60}{customers:>12,}{seconds[name][1]:>12,.2f} s", flush=True)
    found = [
        {"line": "event-grain models, full", "value": sums[0], "unit": "s"},
        {
            "line": f"event-grain models, 1 % of customers ({new_events} events) new",
            "value": sums[1],
            "unit": "s",
        },
        {"line": "full / incremental", "value": sums[0] / sums[1], "unit": "x"},
    ]
    for line in found:
        print(f"{line['line']:<62}{customers:>12,}{line['value']:>12,.2f} {line['unit']}", flush=True)
    return [line | {"customers": customers} for line in found]


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--customers", type=int, default=200_000, help="at 50 events each")
    parser.add_argument("--source", type=Path, help="directory of a data set that is there already")
    parser.add_argument("--memory-limit", help="of DuckDB, such as 1GB")
    parser.add_argument("--peers", nargs="*", default=[], choices=sorted(PEERS))
    parser.add_argument("--peer-python", default=sys.executable, help="a Python that has the peers installed")
    parser.add_argument("--incremental", action="store_true", help="the lines of incremental builds instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        source = options.source or Path(directory)
        if not options.source:
            run_child(
                "scripts/generate_data.py",
                "--customers",
                str(options.customers),
                "--events-per-customer",
                "50",
                "--output",
                str(source),
            )
        if options.incremental:
            incremental_lines(options.customers, source)
        else:
            lines(options.customers, source, options.peers, options.memory_limit, options.peer_python)


if __name__ == "__main__":
    main()
