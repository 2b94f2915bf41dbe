"""The same customers on DuckDB and on a PostgreSQL server of its own: seconds of each build, and whether the segments are the same.

Run: python benchmarks/engines.py [--customers 100000] [--events 50]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/python"))

from conftest import invoke_on
from postgres_server import Warehouse, server
from test_postgres import as_text, differences, duckdb_rows, put

from segmentry.project import parsed
from segmentry.synthetic import generate_dataset

# Replicates change how sure one is of a segment, not who is in it.
OPTIONS = {"bootstrap_replicates": 5, "seed_replicates": 3, "null_replicates": 0}
COMPARED = {
    "customers": "customer_id, segment_id, membership_score, clv, churn_risk",
    "segments": "segment_id, segment_name, customer_count, total_clv",
}


def timed(what: str, run: Any) -> None:
    start = time.perf_counter()
    problems = run()
    print(f"{what}: {time.perf_counter() - start:.1f} s", flush=True)
    if problems:
        raise SystemExit(str(problems))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=50)
    options = parser.parse_args()
    dataset = generate_dataset(n_customers=options.customers, events_per_customer=options.events, seed=3)
    inputs = {
        "segmentry_demo_events": as_text(dataset.events),
        "segmentry_demo_id_history": as_text(dataset.id_history),
    }
    variables = {f"segmentry_{name}": value for name, value in OPTIONS.items()}
    build = ["build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"]
    build += ["--exclude", *inputs]
    with tempfile.TemporaryDirectory() as work, server() as port:
        database = Path(work) / "warehouse.duckdb"
        put(database, inputs)
        manifest = parsed("warehouse", json.dumps(variables, sort_keys=True))
        timed("DuckDB", lambda: invoke_on(database, *build, variables=variables, manifest=manifest))
        warehouse = Warehouse(port, "golden", Path(work) / "postgres", OPTIONS)
        warehouse.put(inputs)
        timed("PostgreSQL", lambda: warehouse.dbt(*build))
        for mart, columns in COMPARED.items():
            query = f"select {columns} from segmentry.{mart}"
            rows = duckdb_rows(database, query)
            found = differences(rows, warehouse.rows(query))
            print(f"{mart}: {len(rows)} rows, {len(found)} differ", *found[:3], sep="\n  ", flush=True)
            if found or not rows:
                raise SystemExit(1)


if __name__ == "__main__":
    main()
