"""Incremental builds of the event-grain models equal a full refresh, row for row, whatever arrives between two builds."""

from __future__ import annotations

import json
import os
import random
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from compiled import text_table
from conftest import ROOT

SEQUENCES = max(1, int(os.environ.get("SEGMENTRY_EXAMPLES", "30")) // 30)
TYPED, DUPLICATES = "int_segmentry__events_typed", "int_segmentry__duplicate_events_ranked"
BUILT = [f"int_segmentry__{name}_built" for name in ("sessions", "orders", "purchase_days")]
TABLES = [
    TYPED,
    DUPLICATES,
    "int_segmentry__events_resolved",
    "int_segmentry__customers_fingerprinted",
    *BUILT,
]
EVENT_COLUMNS = [
    "event_id", "customer_id", "event_at", "event_type", "session_id", "order_id", "channel", "amount",
    "discount_amount", "currency", "ingested_at", "is_deleted",
]  # fmt: skip
MERGE_COLUMNS = ["old_id", "new_id", "merged_at", "operation"]
START = datetime(2024, 1, 1)
PROFILE = """
segmentry:
  target: test
  outputs:
    test:
      type: duckdb
      path: "{{ env_var('SEGMENTRY_DB') }}"
      schema: segmentry
      threads: 1
      settings: {TimeZone: UTC}
"""
Row = dict[str, str | None]


_MANIFESTS: dict[bool, Any] = {}


def _manifest(is_incremental: bool, arguments: Sequence[str]) -> Any:
    """Parse the project once for each way to build; other settings do not change what depends on what."""
    from dbt.cli.main import dbtRunner

    if is_incremental not in _MANIFESTS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _MANIFESTS[is_incremental] = dbtRunner().invoke(["parse", *arguments]).result
    return _MANIFESTS[is_incremental]


class Warehouse:
    """A DuckDB file with the input tables, and dbt on it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self.directory = directory
        self.database = directory / "warehouse.duckdb"
        (directory / "profiles.yml").write_text(PROFILE)

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
        self, *options: str, select: Sequence[str] = BUILT, settings: Mapping[str, Any] | None = None
    ) -> str:
        """Run the models and what they need; return what went wrong, nothing when all is well."""
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner

        variables: dict[str, Any] = {
            "segmentry_use_demo": False,
            "segmentry_events": "{{ source('segmentry_input', 'events') }}",
            "segmentry_id_history": "{{ source('segmentry_input', 'id_history') }}",
            "segmentry_incremental": True,
            **(settings or {}),
        }
        os.environ["SEGMENTRY_DB"] = str(self.database)
        models = ["--select", *(f"+{name}" for name in select)]
        try:
            manifest = _manifest(variables["segmentry_incremental"], self._arguments(variables))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                run = ["run", *models, *options, *self._arguments(variables)]
                outcome = dbtRunner(manifest=manifest).invoke(run)
        finally:
            del os.environ["SEGMENTRY_DB"]
            DuckDBConnectionManager.close_all_connections()
        results = list(getattr(outcome.result, "results", None) or [])
        messages = [str(result.message) for result in results if result.status == "error"]
        return "\n".join([*messages, *([str(outcome.exception)] if outcome.exception else [])])

    def _arguments(self, variables: Mapping[str, Any]) -> list[str]:
        places = ["--project-dir", str(ROOT), "--profiles-dir", str(self.directory)]
        places += ["--target-path", str(self.directory / "target"), "--log-path", str(self.directory)]
        quiet = ["--quiet", "--log-level", "none", "--no-send-anonymous-usage-stats"]
        return [*places, *quiet, "--vars", json.dumps(variables)]

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
            # A view names its tables with their database, which has another name here.
            sides = [f"from {side}.segmentry_internal.{table}" for side in ("found", "expected")]
            if table.endswith("events_resolved"):
                continue
            for one, other in (sides, reversed(sides)):
                rows = connection.execute(f"{one} except all {other}").fetchall()
                if rows:
                    differences[f"{one} except all {other}"] = rows[:3]
    assert differences == {}
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
        # Some loads carry on under the time of the load before.
        loaded_at = START + timedelta(days=self.batch - (rng.random() < 0.25 and self.batch > 1))
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
    for batch in range(4):
        shop.grow()
        # An end of observation that is set, moves and is let go again counts other events of old loads.
        as_of = {"segmentry_as_of": ["", "2024-01-20", "2024-01-29", ""][batch]}
        warehouse.load(shop.events, shop.merges)
        if batch == 2:
            # A build that stops half way, before the next load arrives.
            assert warehouse.build(select=[DUPLICATES], settings=as_of) == ""
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


def test_a_source_without_load_times_cannot_be_incremental(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "incremental")
    warehouse.load([], [])
    warehouse.execute("alter table segmentry_input.events drop column ingested_at")
    assert "lacks the mandatory column ingested_at" in warehouse.build()
