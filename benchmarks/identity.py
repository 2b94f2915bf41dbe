"""Merge resolution beside scipy's connected components (with the encoding of the ids) and a plain loop over a dict.

    python benchmarks/identity.py [--merges 1000000 10000000]

Each contender reads the same Parquet file in a process of its own and says which id each id is. Components only say who belongs together;
the loop and the models also say who survives. The models clean, rank and resolve: what `dbt build` does up to the merge map.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
from child import run_child

MODELS = ["int_segmentry__merge_map_resolved"]
# Chains of geometric length (mean 2): a node is merged into the next one when its hash is even. In no order.
SHAPES = {
    "geometric chains": "select i as old_id, i + 1 as new_id from range(2 * {n}) as numbers (i) where hash(i) % 2 = 0",
    "one chain": "select i as old_id, i + 1 as new_id from range({n}) as numbers (i)",
    "one star": "select i as old_id, -1 as new_id from range({n}) as numbers (i)",
    # Cycles of 2 to 50 ids, in blocks of 100: the rest of a block leads into its cycle.
    "10,000 cycles": """
        select i as old_id, case when i % 100 < 1 + (i // 100) % 49 then i + 1 else i // 100 * 100 end as new_id
        from range({n}) as numbers (i)
    """,
}


def make(shape: str, merges: int, target: Path) -> None:
    """Write a history; ids are texts of 14 characters that tell nothing of the order."""
    query = SHAPES[shape].format(n=merges)
    duckdb.sql(f"""
        copy (
            select
                left(md5(cast(old_id as varchar)), 14) as old_id,
                left(md5(cast(new_id as varchar)), 14) as new_id,
                timestamp '2024-01-01' + to_seconds(old_id % 30000000) as merged_at
            from ({query}) order by hash(old_id + 1)
        ) to '{target}' (format parquet)
    """)


def resolve_by_models(source: Path) -> float:
    """Seconds of the SQL models, in a file, under a memory limit of 2 GB, on 2 threads."""
    from segmentry.engines.compiled import CompiledModels

    models = CompiledModels(MODELS)
    with tempfile.TemporaryDirectory() as directory:
        settings = {"threads": "2", "memory_limit": "2GB", "temp_directory": f"{directory}/spill"}
        with duckdb.connect(f"{directory}/memory.duckdb", config=settings) as connection:
            connection.execute("create schema segmentry_internal")
            connection.execute(
                f"create view segmentry_internal.segmentry_demo_id_history as from read_parquet('{source}')"
            )
            started = time.perf_counter()
            models.build({}, connection)
            return time.perf_counter() - started


def resolve_by_scipy(source: Path) -> float:
    """Seconds of connected components, the encoding of texts as numbers included."""
    import numpy as np
    import pandas as pd
    import pyarrow.parquet as pq
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    started = time.perf_counter()
    table = pq.read_table(source, columns=["old_id", "new_id"])
    codes, names = pd.factorize(
        np.concatenate([table.column(name).to_numpy(zero_copy_only=False) for name in ("old_id", "new_id")])
    )
    edges = (codes[: len(table)], codes[len(table) :])
    graph = coo_matrix((np.ones(len(table), dtype=np.int8), edges), shape=(len(names), len(names)))
    connected_components(graph, directed=False)
    return time.perf_counter() - started


def resolve_by_loop(source: Path) -> float:
    """Seconds of following each id through a dict, with the answers found so far."""
    import pyarrow.parquet as pq

    started = time.perf_counter()
    table = pq.read_table(source, columns=["old_id", "new_id"])
    target = dict(zip(table.column("old_id").to_pylist(), table.column("new_id").to_pylist(), strict=True))
    found: dict[str, str] = {}
    for start in target:
        path = []
        at = start
        while at in target and at not in found and len(path) <= len(target):
            path.append(at)
            at = target[at]
        end = found.get(at, at)
        for id_ in path:
            found[id_] = end
    return time.perf_counter() - started


CONTENDERS = {"models": resolve_by_models, "scipy": resolve_by_scipy, "dict loop": resolve_by_loop}


def contend(name: str, source: Path) -> tuple[float, float]:
    """Run a contender in a process of its own: its seconds, and the peak memory of the process in MB."""
    text, _, memory = run_child(__file__, "--contender", name, "--source", str(source))
    return float(text), memory


def measure(directory: Path, sizes: list[int]) -> list[dict[str, Any]]:
    """All lines: chains of each size beside the peers, then the shapes that are hard."""
    lines: list[dict[str, Any]] = []

    def add(line: str, merges: int, value: float, unit: str) -> None:
        lines.append({"line": line, "merges": merges, "value": value, "unit": unit})

    source = directory / "history.parquet"
    seconds: dict[tuple[str, int], float] = {}
    for merges in sizes:
        make("geometric chains", merges, source)
        for name in CONTENDERS:
            seconds[name, merges], memory = contend(name, source)
            add(f"merges: geometric chains, {name}", merges, seconds[name, merges], "s")
            add(f"merges: geometric chains, {name}, peak memory", merges, memory, "MB")
        for peer in ("scipy", "dict loop"):
            add(f"merges: models / {peer}", merges, seconds["models", merges] / seconds[peer, merges], "x")
    if len(sizes) > 1:
        growth = seconds["models", sizes[-1]] / seconds["models", sizes[0]]
        add(f"merges: growth from {sizes[0]:,}", sizes[-1], growth, "x")
    for shape, merges in (("one chain", 100_000), ("one star", 1_000_000), ("10,000 cycles", 1_000_000)):
        make(shape, merges, source)
        value, _ = contend("models", source)
        add(f"merges: {shape}, models", merges, value, "s")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--merges", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--contender", choices=CONTENDERS)
    parser.add_argument("--source", type=Path)
    options = parser.parse_args()
    if options.contender:
        print(CONTENDERS[options.contender](options.source))
        return
    with tempfile.TemporaryDirectory() as directory:
        for line in measure(Path(directory), options.merges):
            print(
                f"{line['line']:<58}{line['merges']:>12,}{line['value']:>12,.2f} {line['unit']}", flush=True
            )


if __name__ == "__main__":
    main()
