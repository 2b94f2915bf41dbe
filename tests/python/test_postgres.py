"""The whole project on a PostgreSQL server, against DuckDB and the oracles. Not in `make test`: `make test-engines`."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from compiled import text_table
from conftest import invoke_on, run_dbt
from oracle_identity import resolve
from postgres_server import Warehouse, server
from test_identity import COLUMNS, EDGES, LATEST_PLAUSIBLE, MAP, POLICIES, RESOLVED, assert_equal, raw_rows
from test_incremental import BUILT, DUPLICATES, EVENT_COLUMNS, FINGERPRINTED, MERGE_COLUMNS, TYPED, Shop
from test_merges import many_histories

from segmentry.engines.frames import frame
from segmentry.engines.postgres import PostgresTable, store
from segmentry.explain.warehouse import explain_segments, plan_segments
from segmentry.project import environment
from segmentry.synthetic import generate_dataset

pytestmark = pytest.mark.postgres

HISTORIES = int(os.environ.get("SEGMENTRY_HISTORIES", "40"))
# Names of runs and of contents are hashes of the engine's own; the rest says when something happened.
NOT_COMPARED = {
    *("run_id", "previous_run_id", "model_run_id", "assignment_run_id", "from_run_id", "to_run_id"),
    *("input_hash", "customers_hash", "members_hash"),
    *("invocation_id", "recorded_at", "generated_at", "first_recorded_at", "last_recorded_at"),
}
FAST = {
    "bootstrap_replicates": 10,
    "seed_replicates": 3,
    "n_init": 3,
    "k_max": 6,
    "time_zone": "Europe/Prague",
}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with server() as port:
        yield port


@pytest.fixture(scope="module")
def built(port: int, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Warehouse]:
    """The same customers on DuckDB and on PostgreSQL, built twice: some time ago, and with all events."""
    work = tmp_path_factory.mktemp("golden")
    dataset = generate_dataset(n_customers=300, events_per_customer=30, seed=3)
    inputs = {
        "segmentry_demo_events": as_text(dataset.events),
        "segmentry_demo_id_history": as_text(dataset.id_history),
    }
    database, warehouse = work / "warehouse.duckdb", Warehouse(port, "golden", work / "postgres", FAST)
    put(database, inputs)
    warehouse.put(inputs)
    seeds = ["seed", "--exclude", *inputs]
    assert not invoke_on(database, *seeds, variables={})
    assert not warehouse.dbt(*seeds)
    for options in ({"as_of": "2026-07-01"}, {}):
        variables = {f"segmentry_{name}": value for name, value in (FAST | options).items()}
        done = run_dbt("run", "--vars", json.dumps(variables), database=database)
        assert done.returncode == 0, done.stdout[-5000:]
        assert not warehouse.dbt("run", **options)
    return database, warehouse


def test_data_tests_pass(built: tuple[Path, Warehouse]) -> None:
    _, warehouse = built
    assert not warehouse.dbt("test", "--exclude-resource-type", "unit_test")


def as_text(rows: pd.DataFrame) -> pa.Table:
    """What a CSV file of the rows would give."""
    return pa.table({name: pa.array(rows[name].astype("string"), pa.string()) for name in rows})


def put(database: Path, tables: dict[str, pa.Table]) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute("create schema if not exists segmentry_internal")
        for name, rows in tables.items():
            connection.register("given_rows", rows)
            connection.execute(
                f"create or replace table segmentry_internal.{name} as select * from given_rows"
            )


def duckdb_rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(query).fetchall()


def in_order(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows in an order that the last digits of doubles do not change."""
    return sorted(
        rows,
        key=lambda row: [
            (value is None, f"{value:.6f}" if isinstance(value, float) else str(value)) for value in row
        ],
    )


def is_equal(left: object, right: object) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    return type(left) is type(right) and left == right


def differences(left: list[tuple[Any, ...]], right: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    if len(left) != len(right):
        return [(f"{len(left)} rows", f"{len(right)} rows")]
    pairs = zip(in_order(left), in_order(right), strict=True)
    return [(a, b) for a, b in pairs if not all(map(is_equal, a, b))]


def assert_marts_are_those_of_duckdb(
    database: Path, rows_elsewhere: Callable[[str], list[tuple[Any, ...]]], runs: int = 2
) -> None:
    listed = duckdb_rows(
        database,
        "select table_name, column_name from information_schema.columns where table_schema = 'segmentry' "
        "order by table_name, ordinal_position",
    )
    marts: dict[str, list[str]] = {}
    for mart, column in listed:
        marts.setdefault(mart, [])
        if column not in NOT_COMPARED:
            marts[mart].append(column)
    assert len(marts) > 20
    found = {}
    for mart, columns in marts.items():
        query = f"select {', '.join(columns)} from segmentry.{mart}"
        rows = duckdb_rows(database, query)
        found[mart] = (len(rows), differences(rows, rows_elsewhere(query))[:3])
    assert not {mart: differing for mart, (_, differing) in found.items() if differing}
    # What compares nothing proves nothing: runs with a past between them, texts and a few of everything.
    assert found["segmentation_runs"][0] == runs
    assert (found["segment_migrations"][0] > 0) == (runs > 1)
    assert not [mart for mart in ("segment_explanations", "customer_merge_map") if not found[mart][0]]


def test_marts_are_those_of_duckdb(built: tuple[Path, Warehouse]) -> None:
    database, warehouse = built
    assert_marts_are_those_of_duckdb(database, warehouse.rows)


def test_types_are_those_of_the_contract(built: tuple[Path, Warehouse]) -> None:
    _, warehouse = built
    types = dict(
        warehouse.rows(
            "select column_name, data_type from information_schema.columns "
            "where table_schema = 'segmentry' and table_name = 'customers'"
        )
    )
    assert types["clv"] == "numeric"
    assert types["churn_risk"] == "double precision"
    assert types["order_count"] == "bigint"
    assert types["last_seen_at"] == "timestamp without time zone"


def test_texts_are_ordered_by_their_bytes_in_every_table(built: tuple[Path, Warehouse]) -> None:
    _, warehouse = built
    texts = warehouse.rows(
        "select relname, attname, attcollation = '\"C\"'::regcollation from pg_attribute "
        "inner join pg_class on attrelid = pg_class.oid "
        "where relnamespace in ('segmentry'::regnamespace, 'segmentry_internal'::regnamespace) "
        "and relkind = 'r' and relname not like 'segmentry\\_%' and attnum > 0 and atttypid = 'text'::regtype"
    )
    assert len(texts) > 100
    assert not [text for text in texts if not text[2]]
    # The database itself orders texts otherwise.
    assert warehouse.rows("select 'a' < 'B'") == [(True,)]


def test_a_build_that_breaks_leaves_the_table_as_it_was(built: tuple[Path, Warehouse]) -> None:
    _, warehouse = built
    model = "segmentry_internal.int_segmentry__k_selected"
    before = warehouse.rows(f"select * from {model}")
    features = "alter view segmentry_internal.int_segmentry__features_sampled rename column"
    warehouse.execute(f"{features} tenure_days to tenure")
    said = warehouse.dbt("run", "--select", "int_segmentry__k_selected")
    warehouse.execute(f"{features} tenure to tenure_days")
    assert "int_segmentry__k_selected" in said
    assert "lacks the column(s) tenure_days" in said
    assert "Traceback" not in said
    assert warehouse.rows(f"select * from {model}") == before
    left = "select count(*) from pg_tables where tablename like '%\\_\\_dbt\\_%'"
    assert warehouse.rows(left) == [(0,)]
    # It counts as failed, and later runs would pass over it.
    failures = "segmentry_internal.run_failures"
    ((this,),) = warehouse.rows("select run_id from segmentry_internal.int_segmentry__run")
    assert warehouse.rows(f"select * from {failures}") == [(this, 1)]
    # To withdraw it changes nothing then.
    assert not warehouse.dbt("run-operation", "withdraw_run", "--args", json.dumps({"run_id": this}))
    assert warehouse.rows(f"select * from {failures}") == [(this, 1)]
    warehouse.execute(f"delete from {failures}")
    assert not warehouse.dbt("run-operation", "withdraw_run", "--args", json.dumps({"run_id": this}))
    assert warehouse.rows(f"select * from {failures}") == [(this, 1)]
    warehouse.execute(f"drop table {failures}")


@pytest.mark.parametrize("algorithm", ["recursion", "rounds"])
@pytest.mark.parametrize("policy", POLICIES[:2])
def test_merges_agree_with_the_oracle(
    algorithm: str, policy: dict[str, Any], port: int, tmp_path: Path, merges: Warehouse
) -> None:
    history = many_histories(HISTORIES, 30 + POLICIES.index(policy))
    merges.put({"segmentry_demo_id_history": text_table(raw_rows(history), COLUMNS)})
    assert not merges.dbt("run", "--select", f"+{MAP}", merge_algorithm=algorithm, **policy)
    frames = {name: merges.table(f"segmentry_internal.{name}") for name in (EDGES, RESOLVED, MAP)}
    assert_equal(frames, resolve(history, latest_plausible=LATEST_PLAUSIBLE, **policy))
    assert not merges.rows("select tablename from pg_tables where tablename like 'segmentry\\_rounds%'")


@pytest.fixture(scope="module")
def merges(port: int, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return Warehouse(port, "merges", tmp_path_factory.mktemp("merges"))


def test_texts_are_written_again_by_the_command(built: tuple[Path, Warehouse]) -> None:
    _, warehouse = built
    variables = {f"segmentry_{name}": value for name, value in FAST.items()}
    texts = "select segment_id, status, headline, executive_summary from segmentry.segment_explanations order by segment_id"
    before = warehouse.rows(texts)
    ledger = "segmentry_internal.int_segmentry__llm_ledger"
    warehouse.execute(f"create table kept_ledger as select * from {ledger}")
    with environment(warehouse.environment):
        assert not explain_segments(target="postgres", variables=variables)
        warehouse.execute(f"delete from {ledger}")
        planned = plan_segments(target="postgres", variables=variables)
        assert [text.action for text in planned] == ["template"] * len(before)
        assert {row.status for row in explain_segments(target="postgres", variables=variables)} == {"ok"}
    assert warehouse.rows(texts) == before
    assert warehouse.rows(f"select count(*) from {ledger}") == [(len(before),)]
    warehouse.execute(
        f"delete from {ledger}; insert into {ledger} select * from kept_ledger; drop table kept_ledger"
    )


def test_incremental_builds_equal_a_full_refresh(port: int, tmp_path: Path) -> None:
    """Late, repeated and deleted events, merges and unmerges, as on DuckDB; there more of them are tried."""
    shop = Shop(7)
    warehouse = Warehouse(port, "incremental", tmp_path, {"incremental": True})
    assert not warehouse.dbt("seed", "--select", "segmentry_exchange_rates")
    run = ["run", "--select", *(f"+{name}" for name in BUILT)]
    columns = {
        TYPED: "event_id, source_customer_id, event_at, event_type, amount, loaded_at, reject_reason, event_hash",
        DUPLICATES: "event_id, source_customer_id, occurrence, duplicate_reason, event_hash",
        FINGERPRINTED: "*",
        **dict.fromkeys(BUILT, "*"),
    }
    kept = {}
    for batch in range(3):
        shop.grow()
        for name, rows, names in (
            ("events", shop.events, EVENT_COLUMNS),
            ("id_history", shop.merges, MERGE_COLUMNS),
        ):
            # The view of the events stays on the table.
            table = f"segmentry_internal.segmentry_demo_{name}"
            if batch == 0:
                warehouse.put({f"segmentry_demo_{name}": text_table(rows, names)})
            else:
                warehouse.put({"given": text_table(rows, names)})
                warehouse.execute(
                    f"truncate {table}; insert into {table} select * from segmentry_internal.given"
                )
        assert not warehouse.dbt(*run)
        kept = {
            name: warehouse.rows(f"select {listed} from segmentry_internal.{name}")
            for name, listed in columns.items()
        }
    assert not warehouse.dbt(*run, "--full-refresh")
    for name, listed in columns.items():
        assert sorted(map(str, kept[name])) == sorted(
            map(str, warehouse.rows(f"select {listed} from segmentry_internal.{name}"))
        ), name
    assert len(kept[TYPED]) > 200
    said = warehouse.dbt(*run, session_gap_minutes=31)
    assert "Build once with --full-refresh" in said


TIMES = [
    *("2024-01-02", "2024-1-2", "2024/01/02 10:00", "2024-01-02T10:00:00", "2024-01-02T10:00:00Z", "2024-01-02 10:00Z"),
    *("2024-01-02 10:00:00+02", "2024-01-02 10:00:00+0230", "2024-01-02 10:00:00-02:30", "2024-01-02 10:00:00 +02:30"),
    *("2024-01-02 10:00:00.123456789", "2024-01-02 10:00:00.9999999", "2024-01-02 10:00:00.5", "2024-01-02 10:00:00."),
    *("2024-01-02 10:00:00 Europe/Prague", "2024-01-02 10:00:00 europe/prague", "2024-01-02 10:00:00 UTC"),
    *("2024-01-02 10:00:00 Nowhere/Land", "2024-01-02 1:2:3", "2024-01-02 10", "2024-01-02 10:60:00", "2024-01-02 25:00"),
    *("2024-02-30", "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "2024-04-31", "2024-13-01", "2024-00-10"),
    *("20240102", "01/02/2024", "2024-01", "1704189600", "2024-01-02  10:00", "2024-01-02 23:59:60", "soon", "", " "),
    *("2024-07-02 10:00:00", "1899-12-31", "2124-01-01"),
]  # fmt: skip
NUMBERS = [
    *("1", "1.5", " 2.50 ", "+3", "-4", "1e3", "1E-3", ".5", "5.", "1_000", "0x10", "inf", "-Infinity", "NaN", "1e400"),
    *("1e-400", "1e18", "12345678901234567890", "1,5", "1e", "--5", "", "abc", "0.005", "0.015", "1.0000005", "9" * 500),
]  # fmt: skip
TEXTS = [
    "x",
    " x ",
    "\tx\n",
    "\u00a0x\u2003",
    "\u0085x\u3000",
    "\u200bx",
    "",
    " ",
    "\u2028",
    "É",
    "o'b",
    '"',
    "\\N",
    "🙂",
    "a\nb",
]
FLAGS = ["true", "TRUE", "t", "f", "1", "0", "yes", "no", "y", "n", "on", "2", "1.0", "", None]


def nasty_events() -> str:
    """Statements that both engines understand: events of texts, each with one column that is not as it should be."""
    good = {"event_at": "2024-01-02 10:00:00", "event_type": "purchase", "amount": "10.00"}
    changes = [("event_at", text) for text in TIMES] + [("amount", text) for text in NUMBERS]
    changes += [("discount_amount", text) for text in NUMBERS] + [("is_deleted", text) for text in FLAGS]
    changes += [(column, text) for column in ("customer_id", "channel", "event_type") for text in TEXTS]
    columns = [
        *(
            "event_id",
            "customer_id",
            "event_at",
            "event_type",
            "session_id",
            "order_id",
            "channel",
            "device_type",
        ),
        *("category", "product_id", "quantity", "amount", "discount_amount", "currency", "is_deleted"),
    ]
    values = []
    for number, (column, text) in enumerate(changes):
        row = good | {"event_id": f"e{number}", "customer_id": f"c{number}"} | {column: text}
        given = [row.get(name) for name in columns]
        values.append(
            ", ".join("null" if value is None else "'" + value.replace("'", "''") + "'" for value in given)
        )
    table = "segmentry_internal.segmentry_demo_events"
    declared = ", ".join(f"{name} text" for name in columns)
    return f"create table {table} ({declared}); insert into {table} values " + ", ".join(
        f"({row})" for row in values
    )


def typed_events() -> str:
    """Events of a table with types, and without most columns."""
    table = "segmentry_internal.segmentry_demo_events"
    return f"""
        create table {table} (
            customer_id bigint, event_at timestamp with time zone, event_type text, amount numeric(12, 3), is_deleted boolean,
            event_id integer
        );
        insert into {table} values
            (1, '2024-01-02 10:00:00+02:00', 'purchase', 1.005, false, 1), (2, '2024-07-02 10:00:00+00:00', 'page_view', null, null, 2),
            (3, null, 'purchase', -3, true, 3), (null, '2024-01-02 10:00:00+00:00', 'refund', 2.5, false, 1)
    """


@pytest.mark.parametrize("zone", ["UTC", "Europe/Prague"])
@pytest.mark.parametrize("events", [nasty_events, typed_events])
def test_input_is_read_as_on_duckdb(
    zone: str, events: Any, port: int, tmp_path: Path, merges: Warehouse
) -> None:
    statements = "create schema if not exists segmentry_internal; drop table if exists segmentry_internal.segmentry_demo_events {};"
    database = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(statements.format("") + events())
    merges.execute(statements.format("cascade") + events())
    select = [
        "build",
        "--select",
        "+int_segmentry__duplicate_events_ranked",
        "--exclude",
        "segmentry_demo_events",
    ]
    select += ["--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"]
    options = {"segmentry_input_time_zone": zone, "segmentry_time_zone": zone}
    assert not invoke_on(database, *select, variables=options)
    assert not merges.dbt(*select, input_time_zone=zone, time_zone=zone)
    for model, columns in {
        "int_segmentry__events_typed": "event_id, source_customer_id, event_at, event_local_at, event_type, channel, amount, "
        "discount_amount, reject_reason, raw_event_at, raw_amount",
        "int_segmentry__duplicate_events_ranked": "event_id, source_customer_id, occurrence, duplicate_reason",
    }.items():
        query = f"select {columns} from segmentry_internal.{model}"
        assert differences(duckdb_rows(database, query), merges.rows(query)) == []


def test_frames_go_there_and_back(merges: Warehouse) -> None:
    given = pd.DataFrame(
        {
            "text": ["", None, 'a "quoted", text\nof two lines', "\\N"],
            "whole": pd.array([1, None, -3, 2**53 + 1], dtype="Int64"),
            "real": [0.1, float("nan"), 1e-300, float("inf")],
            "truth": pd.array([True, None, False, True], dtype="boolean"),
            "moment": pd.to_datetime(
                ["2024-01-02 10:00:00.123456", None, "1970-01-01", "2024-01-02"], format="ISO8601"
            ),
        }
    )
    with merges.connect() as connection:
        store(connection, given, "frames")
        stored = PostgresTable(connection, "frames")
        found = frame(stored)
        assert found["text"].equals(given["text"])
        for column in ("whole", "truth"):
            assert found[column].equals(given[column])
        assert found["real"].tolist()[2:] == given["real"].tolist()[2:]
        assert pd.isna(found["real"][1])
        assert found["moment"].tolist()[::2] == given["moment"].tolist()[::2]
        connection.cursor().execute("insert into frames select * from frames")
        assert len(frame(stored, ["text", "whole"], distinct=True)) == 4
        assert frame(stored, ["text"]).columns.tolist() == ["text"]
        connection.rollback()


def test_round_is_that_of_decimals(built: tuple[Path, Warehouse]) -> None:
    _, warehouse = built
    numbers = ["0.125", "-0.125", "1.005", "2.675", "1e300", "-1e-300", "0.1234567895", "123456.1234565"]
    found = warehouse.rows(
        "select "
        + ", ".join(f"segmentry_internal.round(cast({number} as double precision), 2)" for number in numbers)
    )
    assert list(found[0]) == [float(round_half_up(number)) for number in numbers]
    special = "cast('{}' as double precision)"
    assert warehouse.rows(
        f"select segmentry_internal.round({special.format('Infinity')}, 9), segmentry_internal.round(null, 9)"
    ) == [(math.inf, None)]


def round_half_up(number: str) -> Decimal:
    value = Decimal(number)
    return value if value == value.to_integral_value() else value.quantize(Decimal("0.01"), "ROUND_HALF_UP")


def test_customers_are_assigned_as_on_duckdb(built: tuple[Path, Warehouse]) -> None:
    """Last: it adds a run to both warehouses."""
    database, warehouse = built
    variables = {f"segmentry_{name}": value for name, value in (FAST | {"mode": "assign"}).items()}
    done = run_dbt("run", "--vars", json.dumps(variables), database=database)
    assert done.returncode == 0, done.stdout[-5000:]
    assert not warehouse.dbt("run", mode="assign")
    assert_marts_are_those_of_duckdb(database, warehouse.rows, runs=3)
    by_refit = "select count(*) from segmentry.segmentation_runs where segmentation_mode = 'assign' and model_run_id <> run_id"
    assert warehouse.rows(by_refit) == [(1,)]
