"""Incremental builds of the event-grain models equal a full refresh, row for row, whatever arrives between two builds."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from compiled import text_table
from conftest import ROOT, invoke_on

from segmentry.project import parsed

SEQUENCES = max(1, int(os.environ.get("SEGMENTRY_EXAMPLES", "30")) // 30)
TYPED, DUPLICATES = "int_segmentry__events_typed", "int_segmentry__duplicate_events_ranked"
BUILT = [f"int_segmentry__{name}_built" for name in ("sessions", "orders", "purchase_days")]
HASHED, FINGERPRINTED = "int_segmentry__settled_events_hashed", "int_segmentry__customers_fingerprinted"
CHANGED, CHANGED_EVENTS = "int_segmentry__changed_ids_listed", "int_segmentry__changed_events_resolved"
TABLES = [TYPED, DUPLICATES, FINGERPRINTED, *BUILT]
EVENT_COLUMNS = [
    "event_id", "customer_id", "event_at", "event_type", "session_id", "order_id", "channel", "amount",
    "discount_amount", "currency", "ingested_at", "is_deleted",
]  # fmt: skip
MERGE_COLUMNS = ["old_id", "new_id", "merged_at", "operation"]
START = datetime(2024, 1, 1)
Row = dict[str, str | None]


class Warehouse:
    """A DuckDB file with the input tables, and dbt on it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self.directory = directory
        self.database = directory / "warehouse.duckdb"

    def load(self, events: Sequence[Row], merges: Sequence[Row]) -> None:
        """Make the input tables anew."""
        with duckdb.connect(str(self.database)) as connection:
            connection.execute("create schema if not exists segmentry_input")
            connection.execute("create schema if not exists segmentry_internal")
            rates = "create or replace table segmentry_internal.segmentry_exchange_rates as"
            connection.execute(f"{rates} from read_csv('{ROOT}/seeds/segmentry_exchange_rates.csv')")
            for name, rows, columns in (
                ("events", events, EVENT_COLUMNS),
                ("id_history", merges, MERGE_COLUMNS),
            ):
                connection.register("given", text_table(rows, columns))
                connection.execute(f"create or replace table segmentry_input.{name} as from given")
                connection.unregister("given")

    def build(
        self,
        *options: str,
        select: Sequence[str] = BUILT,
        alone: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> str:
        """Run the models, and what they need unless they run alone; return what went wrong, nothing when all is well."""
        variables: dict[str, Any] = {
            "segmentry_use_demo": False,
            "segmentry_events": "{{ source('segmentry_input', 'events') }}",
            "segmentry_id_history": "{{ source('segmentry_input', 'id_history') }}",
            "segmentry_incremental": True,
        }
        variables |= {name: value for name, value in (settings or {}).items() if name in variables}
        # Other settings do not change what depends on what.
        manifest = parsed("warehouse", json.dumps(variables, sort_keys=True))
        run = ["run", "--select", *(name if alone else f"+{name}" for name in select), *options]
        return "\n".join(
            invoke_on(self.database, *run, variables={**variables, **(settings or {})}, manifest=manifest)
        )

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement."""
        with duckdb.connect(str(self.database)) as connection:
            return connection.execute(sql).fetchall()


def assert_equal_to_full_refresh(warehouse: Warehouse, full: Warehouse) -> None:
    """Whether every table holds the same rows as the one that was built from nothing."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach '{warehouse.database}' as found (read_only)")
        connection.execute(f"attach '{full.database}' as expected (read_only)")
        differences = {}
        for table in TABLES:
            sides = [f"from {side}.segmentry_internal.{table}" for side in ("found", "expected")]
            for one, other in (sides, reversed(sides)):
                rows = connection.execute(f"{one} except all {other}").fetchall()
                if rows:
                    differences[f"{one} except all {other}"] = rows[:3]
    assert differences == {}
    # A view names its tables with their database, which has another name above.
    resolved = "select * from segmentry_internal.int_segmentry__events_resolved order by all"
    assert warehouse.execute(resolved) == full.execute(resolved)


class Shop:
    """A shop whose tables grow: late events, refunds, repeated ids, deletions, merges and unmerges."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.events: list[Row] = []
        self.merges: list[Row] = []
        self.batch = 0

    def grow(self) -> None:
        """Let one more load arrive."""
        rng = self.rng
        self.batch += 1
        # Some loads carry on under the time of the load before; most events are older than their load.
        loaded_at = START + timedelta(days=25 + self.batch - (rng.random() < 0.25 and self.batch > 1))
        latest = START + timedelta(days=30 + self.batch)
        customers = [f"c{number}" for number in range(30)]
        if self.batch > 1:
            customers = [*rng.sample(customers, 4), f"new{self.batch}"]
        for _ in range(200 if self.batch == 1 else 12):
            self.events.append(self.event(customers, latest, loaded_at))
        for earlier in rng.sample(self.events[:-12], 0 if self.batch == 1 else 5):
            again = {**earlier, "ingested_at": str(loaded_at)}
            kind = rng.choice(["same", "earlier", "other customer", "deleted", "deleted alone"])
            if kind == "earlier":
                again["event_at"] = str(START - timedelta(days=1))
            elif kind == "other customer":
                again["customer_id"] = "c29"
            elif kind == "deleted":
                again["is_deleted"] = "true"
            elif kind == "deleted alone":
                again = dict.fromkeys(EVENT_COLUMNS) | {
                    "event_id": earlier["event_id"],
                    "ingested_at": str(loaded_at),
                    "is_deleted": "1",
                }
            self.events.append(again)
        for _ in range(rng.choice([0, 1, 2])):
            old, new = rng.sample([f"c{number}" for number in range(30)], 2)
            merged_at = str(START + timedelta(days=self.batch, minutes=rng.randrange(1000)))
            self.merges.append({"old_id": old, "new_id": new, "merged_at": merged_at, "operation": "merge"})
        if self.merges and rng.random() < 0.4:
            undone = rng.choice(self.merges)
            self.merges.append(
                {**undone, "merged_at": str(START + timedelta(days=20 + self.batch)), "operation": "unmerge"}
            )

    def event(self, customers: Sequence[str], latest: datetime, loaded_at: datetime) -> Row:
        """Draw an event; some come late, some nobody knows the load of."""
        rng = self.rng
        kind = rng.choice(
            ["page_view", "item_view", "add_to_cart", "purchase", "purchase_item", "refund", "other"]
        )
        at = latest - timedelta(minutes=rng.choice([0, 5, 29, 31, 60, 1440, 14400, 40000]) + rng.randrange(3))
        return {
            "event_id": rng.choice([None, *[f"e{len(self.events)}"] * 5]),
            "customer_id": rng.choice([*customers, ""]),
            "event_at": str(at),
            "event_type": kind,
            "session_id": rng.choice([None, "s1", "s2"]),
            "order_id": rng.choice([None, "o1", "o2"]),
            "channel": rng.choice([None, "web", "mail"]),
            "amount": rng.choice(["10", "2.5", "bad"]) if kind in ("purchase", "refund") else None,
            "discount_amount": rng.choice([None, "1"]),
            "currency": rng.choice([None, "EUR"]),
            "ingested_at": None if rng.random() < 0.05 else str(loaded_at),
            "is_deleted": rng.choice([None, "false"]),
        }


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_batches_add_up_to_a_full_refresh(seed: int, tmp_path: Path) -> None:
    shop = Shop(seed)
    warehouse, full = Warehouse(tmp_path / "incremental"), Warehouse(tmp_path / "full")
    for batch in range(5):
        shop.grow()
        # An end of observation that is set, moves and is let go again counts other events of old loads.
        as_of = {"segmentry_as_of": ["", "", "2024-01-20", "2024-01-29", ""][batch]}
        warehouse.load(shop.events, shop.merges)
        if batch in (1, 3):
            # A build that stops half way, before the next load arrives.
            assert warehouse.build(select=[HASHED if batch == 1 else DUPLICATES], settings=as_of) == ""
            shop.grow()
            warehouse.load(shop.events, shop.merges)
        full.load(shop.events, shop.merges)
        assert warehouse.build(settings=as_of) == ""
        assert full.build("--full-refresh", settings=as_of) == ""
        assert_equal_to_full_refresh(warehouse, full)


def test_only_changed_customers_are_built_again(tmp_path: Path) -> None:
    shop = Shop(99)
    shop.grow()
    warehouse = Warehouse(tmp_path / "incremental")
    warehouse.load(shop.events, [])
    assert warehouse.build() == ""
    warehouse.execute("update segmentry_internal.int_segmentry__sessions_built set channel = 'untouched'")
    late = {**shop.events[0], "event_id": "late", "customer_id": "c1", "event_type": "page_view"}
    shop.events.append({**late, "event_at": "2024-01-02", "ingested_at": "2024-03-01", "is_deleted": None})
    warehouse.load(shop.events, [])
    assert warehouse.build() == ""
    untouched = "select distinct customer_id from segmentry_internal.int_segmentry__sessions_built where channel {} 'untouched'"
    assert warehouse.execute(untouched.format("is distinct from")) == [("c1",)]
    assert ("c1",) not in warehouse.execute(untouched.format("="))


def test_what_has_settled_is_not_hashed_again(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "incremental")
    events = [
        page_view("old", "a", "2024-01-01", "2024-01-02"),
        page_view("last load", "b", "2024-01-01", "2024-01-03"),
        page_view("ahead", "c", "2024-02-01", "2024-01-02"),
    ]
    warehouse.load(events, [])
    assert warehouse.build() == ""
    hashed = f"select source_customer_id, event_count from segmentry_internal.{HASHED} order by all"
    assert warehouse.execute(hashed) == [("a", 1)]
    fingerprints = f"from segmentry_internal.{FINGERPRINTED} order by all"
    before = dict(row[:2] for row in warehouse.execute(fingerprints))
    # Hashes that no build would make show which ones a build reads.
    warehouse.execute(
        f"update segmentry_internal.{TYPED} set event_hash = 1 where event_id in ('old', 'ahead')"
    )
    assert warehouse.build() == ""
    assert warehouse.execute(hashed) == [("a", 1)]
    after = dict(row[:2] for row in warehouse.execute(fingerprints))
    assert {customer for customer in before if before[customer] != after[customer]} == {"c"}
    # Another end of observation counts anew.
    assert warehouse.build(settings={"segmentry_as_of": "2024-03-01"}) == ""
    after = dict(row[:2] for row in warehouse.execute(fingerprints))
    assert {customer for customer in before if before[customer] != after[customer]} == {"a", "c"}


@pytest.mark.parametrize("built", BUILT)
def test_only_customers_who_lack_something_are_read(built: str, tmp_path: Path) -> None:
    shop = Shop(99)
    shop.grow()
    warehouse = Warehouse(tmp_path / "incremental")
    event = {**shop.events[0], "is_deleted": None, "event_at": "2024-01-02", "order_id": None, "amount": "1"}
    kinds = {
        "only mail": "email_open",
        "only refunds": "refund",
        "only repeats": "purchase",
        "taken back": "purchase",
    }
    more = [
        {**event, "event_id": name, "customer_id": name, "event_type": kind} for name, kind in kinds.items()
    ]
    # A page keeps them customers with something to fingerprint, and no orders.
    more += [
        {**each, "event_id": f"page of {each['customer_id']}", "event_type": "page_view"} for each in more[2:]
    ]
    more += [
        {**more[2], "customer_id": "first of all", "event_at": "2024-01-01"},
        {**more[3], "is_deleted": "true"},
    ]
    warehouse.load([*shop.events, *more], [])
    changed = f"select distinct customer_id from segmentry_internal.{CHANGED}"
    for _ in range(2):
        assert warehouse.build() == ""
        assert warehouse.execute(changed) == []
    # Whoever is there with other events, not there, or there and nobody: as a build that stopped may leave it.
    table = f"segmentry_internal.{built}"
    before = warehouse.execute(f"from {table} order by all")
    assert {"c1", "c2", "c3"} < {row[0] for row in before}
    warehouse.execute(f"update {table} set fingerprint = 0 where customer_id = 'c1'")
    warehouse.execute(f"delete from {table} where customer_id = 'c2'")
    warehouse.execute(
        f"insert into {table} select 'nobody', columns(* exclude customer_id) from {table} where customer_id = 'c3'"
    )
    assert warehouse.build("--exclude", FINGERPRINTED) == ""
    assert warehouse.execute(f"{changed} order by all") == [("c1",), ("c2",), ("nobody",)]
    assert warehouse.execute(f"from {table} order by all") == before


@pytest.mark.parametrize("seed", range(3))
def test_models_built_alone_leave_nothing_that_the_next_build_does_not_see(seed: int, tmp_path: Path) -> None:
    shop = Shop(seed)
    warehouse, full = Warehouse(tmp_path / "incremental"), Warehouse(tmp_path / "full")
    for _ in range(3):
        shop.grow()
        warehouse.load(shop.events, shop.merges)
        assert warehouse.build() == ""
    # The list without its events, the events of another build, and duplicates from nothing.
    assert warehouse.build(select=[CHANGED], alone=True) == ""
    assert warehouse.build(select=BUILT, alone=True) == ""
    shop.grow()
    warehouse.load(shop.events, shop.merges)
    assert warehouse.build("--exclude", CHANGED_EVENTS) == ""
    assert warehouse.build("--full-refresh", select=[DUPLICATES], alone=True) == ""
    shop.grow()
    warehouse.load(shop.events, shop.merges)
    full.load(shop.events, shop.merges)
    assert warehouse.build() == ""
    assert full.build("--full-refresh") == ""
    assert_equal_to_full_refresh(warehouse, full)


def test_a_build_without_rows(tmp_path: Path) -> None:
    shop = Shop(5)
    shop.grow()
    warehouse = Warehouse(tmp_path / "incremental")
    warehouse.load(shop.events, [])
    for settings in ({"segmentry_incremental": False}, {"segmentry_incremental": True}):
        assert warehouse.build("--empty", "--full-refresh", settings=settings) == ""
        assert warehouse.execute(f"select count(*) from segmentry_internal.{DUPLICATES}") == [(0,)]


def page_view(event_id: str, customer: str, at: str, loaded_at: str) -> Row:
    """Return an event."""
    return dict.fromkeys(EVENT_COLUMNS) | {
        "event_id": event_id,
        "customer_id": customer,
        "event_at": at,
        "event_type": "page_view",
        "ingested_at": loaded_at,
    }


def test_an_event_that_was_in_the_future_is_looked_at_for_duplicates(tmp_path: Path) -> None:
    warehouse, full = Warehouse(tmp_path / "incremental"), Warehouse(tmp_path / "full")
    events = [
        page_view("plain", "a", "2024-02-01", "2024-02-20"),
        page_view("twice", "b", "2024-03-10 10:00:00", "2024-02-20"),
        page_view("twice", "c", "2024-03-10 11:00:00", "2024-02-20"),
        page_view("later", "a", "2024-03-01", "2024-03-01"),
    ]
    warehouse.load(events, [])
    assert warehouse.build() == ""
    # As a build on March 1st left it: the repeated event was more than a day ahead.
    warehouse.execute(
        f"update segmentry_internal.{TYPED} set reject_reason = 'future_time' where event_id = 'twice'"
    )
    warehouse.execute(f"delete from segmentry_internal.{DUPLICATES}")
    assert warehouse.build() == ""
    full.load(events, [])
    assert full.build("--full-refresh") == ""
    assert full.execute(f"select count(*) from segmentry_internal.{DUPLICATES}") == [(2,)]
    assert_equal_to_full_refresh(warehouse, full)


def test_a_load_time_in_the_future_hides_no_later_load(tmp_path: Path) -> None:
    warehouse, full = Warehouse(tmp_path / "incremental"), Warehouse(tmp_path / "full")
    events = [
        page_view("e1", "a", "2024-02-01", "2024-02-20"),
        page_view("e2", "b", "2024-02-01", "2099-01-01"),
    ]
    warehouse.load(events, [])
    assert warehouse.build() == ""
    events += [
        page_view("e3", "c", "2024-02-02", "2024-02-21"),
        page_view("e2", "a", "2024-02-02", "2024-02-21"),
        page_view("e4", "b", "2024-02-03", "2099-01-01"),
    ]
    for more in ([], [page_view("e3", "a", "2024-02-01", "2024-02-22")]):
        events += more
        for each, option in ((warehouse, []), (full, ["--full-refresh"])):
            each.load(events, [])
            assert each.build(*option) == ""
        assert_equal_to_full_refresh(warehouse, full)


def test_other_settings_ask_for_a_full_refresh(tmp_path: Path) -> None:
    shop = Shop(5)
    shop.grow()
    warehouse = Warehouse(tmp_path / "incremental")
    warehouse.load(shop.events, [])
    assert warehouse.build(settings={"segmentry_incremental": False}) == ""
    assert "Build once with --full-refresh" in warehouse.build()
    assert warehouse.build("--full-refresh") == ""
    assert warehouse.build() == ""
    gap = {"segmentry_session_gap_minutes": 5}
    assert "with other settings" in warehouse.build(settings=gap)
    assert warehouse.build("--full-refresh", settings=gap) == ""
    assert warehouse.build(settings=gap) == ""
    # Without fingerprints nobody knows what the stored events were built on.
    warehouse.execute(f"delete from segmentry_internal.{FINGERPRINTED}")
    assert "did not end" in warehouse.build(settings=gap)


def test_another_table_of_events_asks_for_a_full_refresh(tmp_path: Path) -> None:
    shop = Shop(5)
    shop.grow()
    warehouse = Warehouse(tmp_path / "incremental")
    warehouse.load(shop.events, [])
    warehouse.execute("create table segmentry_internal.segmentry_demo_events as from segmentry_input.events")
    assert warehouse.build() == ""
    other = {"segmentry_use_demo": True, "segmentry_events": "{{ ref('segmentry_demo_events') }}"}
    assert "another table of events" in warehouse.build(settings=other)
    assert warehouse.build("--full-refresh", settings=other) == ""
    assert warehouse.build(settings=other) == ""


@pytest.mark.parametrize("name", ["segmentry_as_of", "segmentry_minimum_event_date"])
def test_a_day_has_no_time_of_day(name: str, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "incremental")
    warehouse.load([], [])
    assert f'{name} is "2024-01-20 12:00:00"; it must be a date like 2026-01-31, without a time of day' in (
        warehouse.build(settings={name: "2024-01-20 12:00:00"})
    )


def test_a_source_without_load_times_cannot_be_incremental(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "incremental")
    warehouse.load([], [])
    warehouse.execute("alter table segmentry_input.events drop column ingested_at")
    assert "lacks the mandatory column ingested_at" in warehouse.build()


def test_a_run_is_marked_for_its_own_failures_only(tmp_path: Path) -> None:
    shop = Shop(5)
    shop.grow()
    warehouse = Warehouse(tmp_path / "incremental")
    warehouse.load(shop.events, [])
    run, gap = "int_segmentry__run", {"segmentry_session_gap_minutes": 5}
    assert warehouse.build(select=[run]) == ""
    this, failed = f"select run_id from segmentry_internal.{run}", "from segmentry_internal.run_failures"
    first = warehouse.execute(this)
    # A model before the run fails: the table still holds the earlier run.
    assert "in model int_segmentry__events_typed" in warehouse.build(select=[run], settings=gap)
    assert warehouse.execute(this) == first
    assert warehouse.execute("from duckdb_tables() where table_name = 'run_failures'") == []
    # A model beside it fails, as its seed is not there.
    beside = "stg_segmentry__campaign_assumptions"
    assert beside in warehouse.build("--full-refresh", select=[run, beside], settings=gap)
    assert warehouse.execute(this) != first
    assert warehouse.execute(failed) == [(*warehouse.execute(this)[0], 1)]
    # A test of the run that stands fails: it is marked, once.
    warehouse.execute(f"update segmentry_internal.{run} set run_id = 'tested', as_of = null")
    settings = {
        "segmentry_use_demo": False,
        "segmentry_events": "{{ source('segmentry_input', 'events') }}",
        "segmentry_id_history": "",
    }
    manifest = parsed("warehouse", json.dumps(settings, sort_keys=True))
    for _ in range(2):
        assert invoke_on(
            warehouse.database,
            "test",
            "--select",
            run,
            "--exclude",
            "test_type:unit",
            variables=settings,
            manifest=manifest,
        )
    assert warehouse.execute(f"{failed} where run_id = 'tested'") == [("tested", 1)]
