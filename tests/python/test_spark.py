"""The whole project on Spark, against DuckDB and the oracles. Not in `make test`: `make test-spark`."""

from __future__ import annotations

import doctest
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from compiled import text_table
from conftest import invoke_on
from oracle_identity import Statement, resolve
from test_identity import (
    COLUMNS,
    EDGES,
    LATEST_PLAUSIBLE,
    MAP,
    POLICIES,
    RESOLVED,
    START,
    assert_equal,
    raw_rows,
)
from test_merges import many_histories
from test_postgres import (
    FAST,
    as_text,
    assert_marts_are_those_of_duckdb,
    differences,
    duckdb_rows,
    nasty_events,
    put,
)

from segmentry.clustering import fit_centroids, select_k
from segmentry.engines.fan_out import fan_out
from segmentry.engines.frames import frame
from segmentry.project import invoke, parsed
from segmentry.robustness import robustness_replicates, time_structure_replicates
from segmentry.settings import SegmentationSettings
from segmentry.synthetic import generate_dataset

pytestmark = [
    pytest.mark.spark,
    # Only Arrow is used, which knows pandas 3.
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas"),
    # py4j leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

HISTORIES = int(os.environ.get("SEGMENTRY_HISTORIES", "40"))
HISTORIES_OF_RUNS = ["segment_history", "segment_member_history", "segmentation_runs", "feature_history"]
HISTORY_TABLES = [
    *(f"segmentry.{name}" for name in (*HISTORIES_OF_RUNS, "id_merge_changes")),
    "segmentry_internal.int_segmentry__llm_ledger",
]
# Tables are small: to plan and to compile queries would take longer than to run them.
QUICK = {
    "spark.master": "local[2]",
    "spark.driver.memory": "2g",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


def as_vars(options: Mapping[str, Any]) -> str:
    """Write vars of the project as dbt takes them."""
    return json.dumps({f"segmentry_{name}": value for name, value in options.items()}, sort_keys=True)


@dataclass
class Warehouse:
    """Schemas of a name of their own in the session, with the project's target pointing at them."""

    session: Any
    schema: str
    work: Path
    manifest: Any = field(default=None)

    def put(self, tables: Mapping[str, pa.Table]) -> None:
        """Make the tables that the demo's seeds would be."""
        from segmentry.engines.spark import write_frame

        self.session.sql(f"create schema if not exists {self.schema}_internal")
        for name, rows in tables.items():
            write_frame(self.session, rows, f"{self.schema}_internal.{name}", "parquet")

    def remember(self, tables: Mapping[str, pa.Table]) -> None:
        """Make the histories that an earlier run would have left."""
        for schema in sorted({name.split(".")[0] for name in tables}):
            self.session.sql(f"create schema if not exists {schema}")
        for name, rows in tables.items():
            writer = self.session.createDataFrame(rows).write
            if name.split(".")[1] in HISTORIES_OF_RUNS:
                writer = writer.partitionBy("run_id")
            writer.format("parquet").saveAsTable(name)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        from segmentry.engines.spark import without_zones

        found = without_zones(self.session.sql(query).toArrow())
        return list(zip(*(column.to_pylist() for column in found.columns), strict=True))

    def table(self, name: str) -> pd.DataFrame:
        from segmentry.engines.spark import SparkTable

        return frame(SparkTable(self.session.table(name)))

    def dbt(self, *arguments: str, **options: Any) -> str:
        """Run a command of dbt with some vars; return what went wrong, "" when nothing did."""
        values = {"SEGMENTRY_SCHEMA": self.schema, "SEGMENTRY_SPARK_CATALOG": "in-memory"}
        given = ["--target", "spark", "--vars", as_vars(options)]
        if self.manifest is None:
            # Python models get the vars with which the project was parsed.
            found = invoke(["parse", *given], work=self.work, values=values)
            assert found.success, found.exception
            self.manifest = found.result
        done = invoke([*arguments, *given], work=self.work, values=values, manifest=self.manifest)
        results = getattr(done.result, "results", None) or []
        messages = [f"{one.node.name}: {one.message}" for one in results if one.status in ("error", "fail")]
        messages += [str(done.exception)] if done.exception else []
        assert done.success == (not messages)
        return "\n".join(messages)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from segmentry.engines.spark import open_session

    session = open_session(
        {**QUICK, "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("spark") / "warehouse")}
    )
    yield session
    session.stop()


@pytest.fixture(scope="module")
def built(session: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Warehouse]:
    """The same customers on DuckDB and on Spark, with the past of DuckDB on both: a run on the events until some time ago."""
    work = tmp_path_factory.mktemp("golden")
    dataset = generate_dataset(n_customers=400, events_per_customer=30, seed=3)
    inputs = {
        "segmentry_demo_events": as_text(dataset.events),
        "segmentry_demo_id_history": as_text(dataset.id_history),
    }
    database, warehouse = work / "warehouse.duckdb", Warehouse(session, "segmentry", work / "spark")
    put(database, inputs)
    # Rows that equal DuckDB's need no tests of their own but those that span models.
    build = [
        "build",
        "--exclude",
        *inputs,
        "--exclude-resource-type",
        "unit_test",
        "--exclude-resource-type",
        "test",
    ]
    manifest = parsed("warehouse", as_vars(FAST))
    today = json.loads(as_vars(FAST))
    past = today | {"segmentry_as_of": "2026-07-01"}
    assert not invoke_on(database, *build, variables=past, manifest=manifest)
    with duckdb.connect(str(database)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        histories = {
            name: connection.sql(f"select * from {name}").to_arrow_table() for name in HISTORY_TABLES
        }
    assert not invoke_on(database, *build, variables=today, manifest=manifest)
    warehouse.put(inputs)
    warehouse.remember(histories)
    assert not warehouse.dbt(*build, **FAST)
    return database, warehouse


def test_marts_are_those_of_duckdb(built: tuple[Path, Warehouse]) -> None:
    database, warehouse = built
    assert_marts_are_those_of_duckdb(database, warehouse.rows)


def test_tests_that_span_models_pass(built: tuple[Path, Warehouse]) -> None:
    _, warehouse = built
    assert not warehouse.dbt("test", "--select", "test_type:singular", **FAST)


def test_the_same_run_again_takes_its_own_place(built: tuple[Path, Warehouse]) -> None:
    _, warehouse = built
    keys = ["run_id"] * (len(HISTORY_TABLES) - 1) + ["request_key"]
    queries = [
        f"select {key}, count(*) from {name} group by {key}"
        for key, name in zip(keys, HISTORY_TABLES, strict=True)
    ]
    before = [sorted(warehouse.rows(query)) for query in queries]
    assert len(before[0]) == 2
    models = [f"segmentry__{name}" for name in (*HISTORIES_OF_RUNS, "id_merge_changes")]
    models += ["int_segmentry__llm_ledger"]
    assert not warehouse.dbt("run", "--select", *models, **FAST)
    assert [sorted(warehouse.rows(query)) for query in queries] == before


def test_histories_alone_are_partitioned(built: tuple[Path, Warehouse]) -> None:
    """A table that is partitioned by its key has a directory per row."""
    _, warehouse = built
    listed = [
        f"{schema}.{table.tableName}"
        for schema in ("segmentry", "segmentry_internal")
        for table in warehouse.session.sql(f"show tables in {schema}").collect()
        if not table.isTemporary
    ]
    assert len(listed) > 100
    catalog = warehouse.session.catalog
    partitioned = {name for name in listed if any(column.isPartition for column in catalog.listColumns(name))}
    refits = {
        f"segmentry_internal.int_segmentry__{name}_history" for name in ("centroid", "selection", "replicate")
    }
    assert partitioned == {f"segmentry.{name}" for name in HISTORIES_OF_RUNS} | refits


def test_a_run_is_withdrawn_and_comes_back(built: tuple[Path, Warehouse]) -> None:
    _, warehouse = built
    earlier = "select distinct run_id from segmentry_internal.int_segmentry__earlier_members"
    failures = "select * from segmentry_internal.run_failures"
    ((past,),) = warehouse.rows(earlier)
    ((this,),) = warehouse.rows("select run_id from segmentry_internal.int_segmentry__run")
    for run in (past, past, this):
        assert not warehouse.dbt("run-operation", "withdraw_run", "--args", json.dumps({"run_id": run}))
    assert sorted(warehouse.rows(failures)) == sorted([(past, 1), (this, 1)])
    assert not warehouse.dbt("run", "--select", "int_segmentry__earlier_members", **FAST)
    assert warehouse.rows(earlier) == []
    # A build of the run that goes well is its own pardon.
    models = ["int_segmentry__run", "segmentry__segment_member_history"]
    assert not warehouse.dbt(
        "build", "--select", *models, "--exclude-resource-type", "unit_test",
        "--exclude-resource-type", "test", **FAST,
    )  # fmt: skip
    assert sorted(warehouse.rows(failures)) == sorted([(past, 1), (this, 1), (this, -1)])


def test_rows_are_not_deleted_one_by_one(built: tuple[Path, Warehouse]) -> None:
    _, warehouse = built
    said = warehouse.dbt("run", "--select", "int_segmentry__run", incremental=True)
    assert "segmentry_incremental is true" in said


@pytest.mark.parametrize("policy", POLICIES[:2])
def test_merges_agree_with_the_oracle(policy: dict[str, Any], session: Any, tmp_path: Path) -> None:
    history = many_histories(HISTORIES, 50 + POLICIES.index(policy))
    # Longer than the recursion that Spark allows.
    history += [Statement(f"long{number}", f"long{number + 1}", START) for number in range(300)]
    warehouse = Warehouse(session, "merges", tmp_path)
    warehouse.put({"segmentry_demo_id_history": text_table(raw_rows(history), COLUMNS)})
    assert not warehouse.dbt("run", "--select", f"+{MAP}", **policy)
    frames = {name: warehouse.table(f"merges_internal.{name}") for name in (EDGES, RESOLVED, MAP)}
    assert_equal(frames, resolve(history, latest_plausible=LATEST_PLAUSIBLE, **policy))
    assert not warehouse.rows("show views in merges_internal like 'segmentry_rounds*'")


@pytest.mark.parametrize("zone", ["UTC", "Europe/Prague"])
def test_input_is_read_as_on_duckdb(zone: str, session: Any, tmp_path: Path) -> None:
    database = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("set TimeZone = 'UTC'; create schema segmentry_internal;" + nasty_events())
        # Java knows the zones of the world by their own spelling alone.
        connection.execute(
            "delete from segmentry_internal.segmentry_demo_events where event_at like '%europe/prague'"
        )
        events = connection.sql("select * from segmentry_internal.segmentry_demo_events").to_arrow_table()
    warehouse = Warehouse(session, "nasty", tmp_path)
    warehouse.put({"segmentry_demo_events": events})
    select = [
        "build",
        "--select",
        "+int_segmentry__duplicate_events_ranked",
        "--exclude",
        "segmentry_demo_events",
    ]
    select += ["--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"]
    options = {"input_time_zone": zone, "time_zone": zone}
    assert not invoke_on(
        database, *select, variables={f"segmentry_{name}": value for name, value in options.items()}
    )
    assert not warehouse.dbt(*select, **options)
    for model, columns in {
        "int_segmentry__events_typed": "event_id, source_customer_id, event_at, event_local_at, event_type, channel, amount, "
        "discount_amount, reject_reason, raw_event_at, raw_amount",
        "int_segmentry__duplicate_events_ranked": "event_id, source_customer_id, occurrence, duplicate_reason",
    }.items():
        expected = duckdb_rows(database, f"select {columns} from segmentry_internal.{model}")
        assert differences(expected, warehouse.rows(f"select {columns} from nasty_internal.{model}")) == []


def test_frames_go_there_and_back(session: Any) -> None:
    from segmentry.engines.spark import SparkTable, write_frame

    given = pd.DataFrame(
        {
            "text": ["", None, "it's a \\ and a \"", "two\nlines"],
            "whole": pd.array([1, None, -3, 2**53 + 1], dtype="Int64"),
            "real": [0.1, 0.2, 1e-300, float("inf")],
            "truth": pd.array([True, None, False, True], dtype="boolean"),
            "moment": pd.to_datetime(
                ["2024-01-02 10:00:00.123456", None, "1970-01-01", "2024-01-02"], format="ISO8601"
            ),
        }
    )
    write_frame(session, given, "default.frames", "parquet")
    stored = SparkTable(session.table("default.frames"))
    found = frame(stored).sort_values("real", ignore_index=True)
    expected = given.sort_values("real", ignore_index=True)
    for column in given:
        assert [None if pd.isna(value) else value for value in found[column]] == [
            None if pd.isna(value) else value for value in expected[column]
        ]
    session.sql("insert into default.frames select * from default.frames where real < 0.15")
    stored = SparkTable(session.table("default.frames"))
    assert len(frame(stored)) == 6
    assert len(frame(stored, ["text", "whole"], distinct=True)) == 4
    assert frame(stored, ["text"]).columns.tolist() == ["text"]


def test_what_is_fanned_out_is_what_runs_here(session: Any) -> None:
    rng = np.random.default_rng(1)
    names = ["rate", "value", "share"]
    centres = np.repeat([[0, 0, 0], [5, 0, 0], [0, 5, 5]], 100, axis=0)
    features = pd.DataFrame(centres + rng.normal(size=(300, 3)), columns=names)
    features.insert(0, "customer_id", [f"c{number:03}" for number in range(300)])
    shuffled = pd.concat(
        [
            features.assign(replicate=number, **{name: rng.permutation(features[name]) for name in names})
            for number in (1, 2)
        ]
    )
    windows = pd.concat([features.assign(window_id=name) for name in ("all", "half")]).iloc[:450]
    settings = SegmentationSettings(
        k_max=4, null_replicates=3, bootstrap_replicates=4, seed_replicates=2, bootstrap_fpc=True
    )
    selection = select_k(features, settings, shuffled)
    assert selection["silhouette_bar"].notna().all()
    model = fit_centroids(features, selection, settings)
    pairs = [
        (selection, select_k(features, settings, shuffled, session)),
        *(
            (function(*given, model, settings), function(*given, model, settings, session))
            for function, given in (
                (robustness_replicates, [features]),
                (time_structure_replicates, [windows, features]),
            )
        ),
    ]
    for here, there in pairs:
        assert len(here)
        # Bit by bit: scores, texts, NULLs and the order of the rows.
        pd.testing.assert_frame_equal(here, there, check_exact=True)


def test_what_fails_on_an_executor_is_said(session: Any) -> None:
    def work(task: int) -> dict[str, Any]:
        if task == 2:
            raise ValueError("the third task is wrong")
        return {"task": [task]}

    with pytest.raises(Exception, match="the third task is wrong"):
        fan_out(session, [0, 1, 2], work, {"task": "int64"})
    assert fan_out(session, [], work, {"task": "int64"}).dtypes.astype(str).to_dict() == {"task": "int64"}


def test_examples_of_the_adapter_are_right() -> None:
    from segmentry.engines import spark

    done = doctest.testmod(spark)
    assert done.attempted > 0
    assert done.failed == 0
