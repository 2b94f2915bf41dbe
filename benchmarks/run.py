"""Measure Segmentry beside a floor in the same run; print one table and write it as JSON.

    python benchmarks/run.py [--customers 10000 100000] [--output benchmarks/results/latest.local.json]

Every line is a measurement of this machine. The ratios travel better than the seconds; `profiles.py` says what the floor of the profile
layer is.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

import assignment
import duckdb
import identity
import profiles
import value
from child import run_child

EVENTS_PER_CUSTOMER = 50
BUILD = """
import json, sys
from pathlib import Path
from segmentry.pipeline import build_from_files
source, target = map(Path, sys.argv[1:])
outcome = build_from_files(source / "events.parquet", source / "id_history.parquet", target)
print(json.dumps({"seconds": outcome.seconds, "layers": outcome.layer_seconds}))
"""


def measure(customers: int, directory: Path) -> list[dict[str, Any]]:
    """All lines for one size."""
    source, target = directory / f"data{customers}", directory / f"built{customers}"
    generate = [
        "scripts/generate_data.py",
        "--customers",
        str(customers),
        "--events-per-customer",
        str(EVENTS_PER_CUSTOMER),
    ]
    _, seconds, memory = run_child(*generate, "--output", str(source))
    events = duckdb.sql(f"select count(*) from read_parquet('{source}/events.parquet')").fetchall()[0][0]
    lines = [
        {"line": "generator", "customers": customers, "value": events / seconds, "unit": "events/s"},
        {"line": "generator, peak memory", "customers": customers, "value": memory, "unit": "MB"},
    ]
    text, _, memory = run_child("-c", BUILD, str(source), str(target))
    built = json.loads(text)
    lines += [
        {"line": "build, wall", "customers": customers, "value": built["seconds"], "unit": "s"},
        {"line": "build, peak memory", "customers": customers, "value": memory, "unit": "MB"},
    ]
    for layer, seconds in built["layers"].items():
        lines.append(
            {
                "line": f"models of {layer or 'other'}, summed",
                "customers": customers,
                "value": seconds,
                "unit": "s",
            }
        )
    peers = [name for name in profiles.PEERS if importlib.util.find_spec(name)]
    lines += profiles.lines(customers, source, peers)
    lines += profiles.incremental_lines(customers, source)
    return [line | {"events": events} for line in lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--merges", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/latest.local.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        lines = [line for customers in options.customers for line in measure(customers, Path(directory))]
    lines += [line | {"events": 0} for line in value.lines(1_000_000)]
    # In a process of its own, as it measures its memory.
    segments, _, _ = run_child("benchmarks/segmentation.py", "--json")
    lines += [line | {"events": 0} for line in json.loads(segments)]
    lines += [line | {"events": 0} for line in assignment.lines(10_000_000)]
    with tempfile.TemporaryDirectory() as directory:
        merges = identity.measure(Path(directory), options.merges)
    lines += [line | {"customers": 0, "events": line["merges"]} for line in merges]
    machine = {
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({"machine": machine, "lines": lines}, indent=2) + "\n")
    print(f"{'line':<38}{'customers':>12}{'events':>14}{'value':>14} unit")
    for line in lines:
        print(
            f"{line['line']:<38}{line['customers']:>12,}{line['events']:>14,}{line['value']:>14,.2f} {line['unit']}"
        )
    print(
        f"{machine['cores']} cores, Python {machine['python']}, DuckDB {machine['duckdb']}; written to {options.output}"
    )


if __name__ == "__main__":
    main()
