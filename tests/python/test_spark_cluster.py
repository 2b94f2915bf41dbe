"""The whole build on a master and two workers of Spark, against DuckDB. Not in `make test`: `make test-spark-cluster`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import invoke_on
from spark_cluster import cluster, of_the_application
from test_postgres import FAST, as_text, assert_marts_are_those_of_duckdb, put
from test_spark import QUICK, Warehouse, as_vars

from segmentry.project import parsed
from segmentry.synthetic import generate_dataset

pytestmark = [
    pytest.mark.spark_cluster,
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

CUSTOMERS, EVENTS = 4_000, 20
# Fewer than there are, so that both engines fit and test on a sample and assign the rest.
SAMPLES = FAST | {
    "model_customers": 600,
    "kind_sample_customers": 300,
    "null_replicates": 3,
    "window_sample_customers": 500,
    "bootstrap_replicates": 12,
}
# What the driver may be given is less than the table of customers holds, and its memory the least that Spark starts with.
SMALL_DRIVER = {
    "spark.driver.memory": "512m",
    "spark.driver.maxResultSize": "1m",
    "spark.sql.autoBroadcastJoinThreshold": "100k",
    "spark.executor.memory": "1g",
    "spark.ui.enabled": "true",
    "spark.ui.retainedStages": "10000",
    "spark.ui.retainedTasks": "100000",
}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from segmentry.engines.spark import open_session

    directory = tmp_path_factory.mktemp("cluster")
    with cluster(directory, memory="1g") as started:
        parameters = {**QUICK, **SMALL_DRIVER, **started.parameters()}
        session = open_session({**parameters, "spark.sql.warehouse.dir": str(directory / "warehouse")})
        yield session
        session.stop()


@pytest.fixture(scope="module")
def built(session: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Warehouse]:
    """The same customers on DuckDB and on the cluster."""
    work = tmp_path_factory.mktemp("golden")
    dataset = generate_dataset(n_customers=CUSTOMERS, events_per_customer=EVENTS, seed=5)
    inputs = {
        "segmentry_demo_events": as_text(dataset.events),
        "segmentry_demo_id_history": as_text(dataset.id_history),
    }
    database, warehouse = work / "warehouse.duckdb", Warehouse(session, "segmentry", work / "spark")
    put(database, inputs)
    build = ["build", "--exclude", *inputs]
    build += ["--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"]
    variables = as_vars(SAMPLES)
    manifest = parsed("warehouse", variables)
    assert not invoke_on(database, *build, variables=json.loads(variables), manifest=manifest)
    warehouse.put(inputs)
    assert not warehouse.dbt(*build, **SAMPLES)
    return database, warehouse


def test_marts_are_those_of_duckdb(built: tuple[Path, Warehouse]) -> None:
    database, warehouse = built

    def in_pieces(query: str) -> list[tuple[Any, ...]]:
        # As a whole the larger ones would not pass the driver.
        everything = warehouse.session.sql(query)
        everything.createOrReplaceTempView("compared")
        piece = f"select * from compared where pmod(xxhash64({', '.join(everything.columns)}), 8)"
        return [row for number in range(8) for row in warehouse.rows(f"{piece} = {number}")]

    assert_marts_are_those_of_duckdb(database, in_pieces, runs=1)


def test_segments_were_fitted_on_a_sample_that_is_told(built: tuple[Path, Warehouse]) -> None:
    _, warehouse = built
    counts = "customer_count, model_customer_count"
    ((customers, sampled),) = warehouse.rows(f"select {counts} from segmentry.segmentation_runs")
    assert sampled == 600 < customers
    assert warehouse.rows("select count(segment_id) from segmentry.customers") == [(customers,)]
    assert warehouse.rows("select distinct customer_count <= 600 from segmentry.clv_fit") == [(True,)]


def test_the_driver_could_not_have_held_the_customers(built: tuple[Path, Warehouse]) -> None:
    _, warehouse = built
    with pytest.raises(Exception, match=r"spark\.driver\.maxResultSize"):
        warehouse.table("segmentry.customers")


def test_replicates_ran_on_both_executors(built: tuple[Path, Warehouse]) -> None:
    database, warehouse = built
    with duckdb.connect(str(database), read_only=True) as connection:
        (blocks,) = connection.execute(
            "select count(distinct variant) from segmentry_internal.int_segmentry__robustness_replicated where test = 'feature_drop'"
        ).fetchone() or (0,)
    stages = of_the_application(warehouse.session, "stages")
    fanned = {stage["numTasks"]: stage for stage in stages if "fan_out.py" in stage["name"]}
    # Random starts are one task: those that end at one optimum share its polish.
    replicates = SAMPLES["bootstrap_replicates"] + blocks + 1
    assert {replicates, 5} <= set(fanned)  # and a task for each time window
    for stage in fanned.values():
        where = f"stages/{stage['stageId']}/{stage['attemptId']}/taskList?length=10000"
        tasks = of_the_application(warehouse.session, where)
        assert len(tasks) == stage["numTasks"]
        assert {task["executorId"] for task in tasks} == {"0", "1"}
        assert {task["status"] for task in tasks} == {"SUCCESS"}
