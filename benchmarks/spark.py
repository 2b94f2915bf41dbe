"""Build on a cluster of Spark on this machine: stage times, where the data moved, and the memory of all processes.

    make .venv-spark/.ready
    .venv-spark/bin/python benchmarks/spark.py --customers 1000000 --events-per-customer 20 --compare

Generates the data, starts a master and workers on loopback, runs `dbt build` without tests on Parquet tables, prints a line per model as it
goes and the tables at the end. `--compare` builds the same on DuckDB with the same sample of customers for Python, and compares the segment of
every customer. Models run one at a time, so that every stage of Spark belongs to one of them. The memory is the sum of the proportional set
sizes of all processes, once a second.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import psutil
from child import run_child

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests" / "python"))

from spark_cluster import cluster, of_the_application  # noqa: E402

BUILD = """
import json, sys
from pathlib import Path
from segmentry.pipeline import build_from_files
source, target = map(Path, sys.argv[1:3])
build_from_files(source / "events.parquet", source / "id_history.parquet", target, variables=json.loads(sys.argv[3]), on_progress=print)
"""
MEASURES = {
    "shuffled": "shuffleWriteBytes",
    "written": "outputBytes",
    "spilled": "diskBytesSpilled",
}
MEGA = 1e6


class Memory(threading.Thread):
    """The largest sum of memory over the processes below this one, and what each kind of them had then, in MB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak: Counter[str] = Counter()
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(1.0):
            now: Counter[str] = Counter()
            me = psutil.Process()
            for process in (me, *me.children(recursive=True)):
                try:
                    command = " ".join(process.cmdline())
                    now[kind(command)] += process.memory_full_info().pss / MEGA
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue
            if now.total() > self.peak.total():
                self.peak = now

    def stop(self) -> Counter[str]:
        self._done.set()
        self.join()
        return self.peak


def kind(command: str) -> str:
    """Say what a process is for."""
    for mark, name in {
        "CoarseGrainedExecutorBackend": "executors",
        "pyspark.daemon": "Python of the executors",
        "spark.deploy.master": "master and workers",
        "spark.deploy.worker": "master and workers",
        "SparkSubmit": "driver",
    }.items():
        if mark in command:
            return name
    return "dbt"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--events-per-customer", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2, help="each has one core and one executor")
    parser.add_argument("--executor-memory", default="3g", help="of each executor's heap")
    parser.add_argument("--driver-memory", default="1g", help="of the driver's heap")
    parser.add_argument("--max-result-size", default="64m", help="spark.driver.maxResultSize")
    parser.add_argument("--partitions", type=int, default=16, help="after a shuffle")
    parser.add_argument("--vars", type=json.loads, default={}, help="vars of the project, as JSON")
    parser.add_argument(
        "--compare",
        action="store_true",
        help="build on DuckDB too, and compare the segment of every customer",
    )
    parser.add_argument("--directory", type=Path, help="for data and tables; kept, and data in it used again")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/results/spark.local.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="segmentry_spark_") as temporary:
        directory = (options.directory or Path(temporary)).resolve()
        result = measure(options, directory)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written to {options.output}")


def say(text: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {text}", flush=True)


def measure(options: argparse.Namespace, directory: Path) -> dict[str, Any]:
    """Generate, build, report."""
    source = directory / "data"
    if not (source / "planted.json").exists():
        say(f"generating {options.customers:,} customers")
        generate = ["scripts/generate_data.py", "--customers", str(options.customers)]
        generate += ["--events-per-customer", str(options.events_per_customer), "--output", str(source)]
        run_child(*generate)
    events = duckdb.sql(f"select count(*) from read_parquet('{source}/events.parquet')").fetchall()[0][0]
    say(f"{events:,} events")
    tables = directory / "tables"
    shutil.rmtree(tables, ignore_errors=True)
    memory = Memory()
    memory.start()
    with cluster(directory / "cluster", options.workers, memory=options.executor_memory) as started:
        say(f"{options.workers} workers at {started.url}")
        result = build(options, source, tables, started.parameters())
    result["memory"] = memory.stop()
    report(result)
    if options.compare:
        result["compared"] = compare(options, source, directory / "duckdb", tables)
    return {"customers": options.customers, "events": events, **result}


def build(
    options: argparse.Namespace, source: Path, tables: Path, parameters: dict[str, str]
) -> dict[str, Any]:
    """Run dbt in this process on a session of the cluster; return seconds and bytes per model."""
    from segmentry.engines.spark import open_session
    from segmentry.project import invoke

    session = open_session(
        {
            **parameters,
            "spark.driver.memory": options.driver_memory,
            "spark.driver.maxResultSize": options.max_result_size,
            "spark.executor.memory": options.executor_memory,
            "spark.sql.shuffle.partitions": str(options.partitions),
            "spark.sql.catalogImplementation": "in-memory",
            "spark.sql.warehouse.dir": str(tables),
            # Cores that others use too answer late, and are no reason to give up after an hour.
            "spark.network.timeout": "1200s",
            "spark.executor.heartbeatInterval": "60s",
            "spark.ui.enabled": "true",
            "spark.ui.retainedStages": "100000",
            "spark.ui.retainedTasks": "1000",
            "spark.ui.showConsoleProgress": "false",
        }
    )
    session.sparkContext.setLogLevel("ERROR")
    try:
        session.sql("create schema segmentry_input")
        for name in ("events", "id_history"):
            session.sql(
                f"create table segmentry_input.{name} using parquet location '{source / name}.parquet'"
            )
        variables = {
            "segmentry_events": "{{ source('segmentry_input', 'events') }}",
            "segmentry_id_history": "{{ source('segmentry_input', 'id_history') }}",
            "segmentry_use_demo": False,
            **options.vars,
        }
        started = time.monotonic()
        done = invoke(
            [
                *("build", "--target", "spark", "--vars", json.dumps(variables)),
                *("--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"),
            ],
            work=tables.parent / "dbt",
            values={"SEGMENTRY_SCHEMA": "segmentry", "SEGMENTRY_THREADS": "1"},
            callbacks=[tell],
        )
        seconds = time.monotonic() - started
        results = getattr(done.result, "results", None) or []
        problems = [f"{one.node.name}: {one.message}" for one in results if one.status == "error"]
        if not done.success:
            raise SystemExit("\n".join(problems) or str(done.exception))
        return {"seconds": seconds, "models": with_bytes(results, of_the_application(session, "stages"))}
    finally:
        session.stop()


def tell(event: Any) -> None:
    """Print how long each model took."""
    if event.info.name in ("LogModelResult", "LogPythonModelResult", "LogSeedResult"):
        data = event.data
        seconds = getattr(data, "execution_time", 0.0)
        say(f"{data.index:>3}/{data.total} {data.node_info.node_name:<55}{seconds:>9.1f} s")


def with_bytes(results: list[Any], stages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add up, for each model, the stages that began while it ran."""
    models = []
    for one in results:
        timing = next((step for step in one.timing if step.name == "execute"), None)
        if timing is None:
            continue
        began, ended = (moment.replace(tzinfo=None) for moment in (timing.started_at, timing.completed_at))
        own = [
            stage
            for stage in stages
            if stage.get("submissionTime")
            and began <= datetime.fromisoformat(stage["submissionTime"].removesuffix("GMT")) <= ended
        ]
        models.append(
            {
                "model": one.node.name,
                "layer": one.node.fqn[1] if one.node.resource_type == "model" else "seeds",
                "seconds": (ended - began).total_seconds(),
                "stages": len(own),
                "tasks": sum(stage["numTasks"] for stage in own),
                "executor_seconds": sum(stage["executorRunTime"] for stage in own) / 1e3,
                **{name: sum(stage[measure] for stage in own) / MEGA for name, measure in MEASURES.items()},
            }
        )
    return models


def report(result: dict[str, Any]) -> None:
    """Print what was measured, by layer and for the slowest models."""
    columns = ["seconds", "executor_seconds", "stages", "tasks", *MEASURES]
    layers: dict[str, Counter[str]] = defaultdict(Counter)
    for model in result["models"]:
        layers[model["layer"]].update({column: model[column] for column in columns})
    slowest = sorted(result["models"], key=lambda model: -model["seconds"])[:15]
    lines = [*layers.items(), *((model["model"].removeprefix("int_segmentry__"), model) for model in slowest)]
    print(
        f"\n{'':<36}{'s':>9}{'task s':>9}{'stages':>8}{'tasks':>8}"
        + "".join(f"{name:>11}" for name in MEASURES)
    )
    for place, (name, row) in enumerate(lines):
        if place == len(layers):
            print("the slowest")
        print(
            f"{name:<36}{row['seconds']:>9.1f}{row['executor_seconds']:>9.1f}{row['stages']:>8}{row['tasks']:>8}"
            + "".join(f"{row[measure]:>8.1f} MB" for measure in MEASURES)
        )
    print(f"build: {result['seconds']:.0f} s; memory at its peak {result['memory'].total():,.0f} MB:")
    for name, size in result["memory"].most_common():
        print(f"    {name:<30}{size:>9,.0f} MB")


def compare(options: argparse.Namespace, source: Path, target: Path, tables: Path) -> dict[str, Any]:
    """Build on DuckDB with the sample that Spark took, and compare segments and scores."""
    files = {
        name: f"read_parquet('{tables}/segmentry.db/{name}/**/*.parquet', hive_partitioning = true)"
        for name in ("customers", "segment_robustness", "segmentation_runs")
    }
    ((sampled, total),) = duckdb.sql(
        f"select model_customer_count, customer_count from {files['segmentation_runs']}"
    ).fetchall()
    shutil.rmtree(target, ignore_errors=True)
    say("the same on DuckDB")
    variables = {**options.vars, "segmentry_model_customers": sampled if sampled < total else 0}
    _, seconds, memory = run_child("-c", BUILD, str(source), str(target), json.dumps(variables))
    with duckdb.connect() as connection:
        connection.execute(f"attach '{target}/warehouse.duckdb' as warehouse (read_only)")
        here, there = "warehouse.segmentry.customers", files["customers"]
        customers, same = connection.sql(
            f"""
            select count(*), count(*) filter (where here.segment_id is not distinct from there.segment_id
                                              and here.customer_id = there.customer_id)
            from {here} as here full join {there} as there on here.customer_id = there.customer_id
            """
        ).fetchall()[0]
        scores, apart = connection.sql(
            f"""
            select count(*), max(abs(here.mean_score - there.mean_score))
            from warehouse.segmentry.segment_robustness as here
            full join {files["segment_robustness"]} as there using (segment_id, test, variant)
            """
        ).fetchall()[0]
        shares = connection.sql(
            f"select segment_id, count(*) from {there} group by all order by all"
        ).fetchall()
    print(
        f"DuckDB: {seconds:.0f} s, {memory:,.0f} MB; Python read {sampled:,} of {total:,} customers on both"
    )
    print(f"customers with the same segment: {same:,} of {customers:,}; {dict(shares)}")
    print(f"robustness: {scores} means, apart by at most {apart}")
    return {
        **{"seconds": seconds, "memory": memory, "customers": customers, "same_segment": same},
        **{"model_customers": sampled, "scores": scores, "scores_apart_at_most": apart},
    }


if __name__ == "__main__":
    # However it is stopped, the cluster is stopped too. (What a shell starts in the background ignores Ctrl-C.)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit("stopped"))
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    main()
