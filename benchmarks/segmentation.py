"""Measure segments and their tests in units of one plain scikit-learn fit. Called by run.py; also runs alone.

python benchmarks/segmentation.py [--customers 1000000] [--bias features.parquet ...]

A unit is the CPU time of ``KMeans(n_init=1)`` on the same rows in the same process. ``--bias`` compares the bootstrap with a converged
reference instead: on Gaussian clusters and on the feature tables that are named (customer_id and one column per feature).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from segmentry._kmeans import assign, best_fit, lloyd_batch, plus_plus, single_threaded_blas
from segmentry.agreement import contingency_table, jaccard_scores
from segmentry.clustering import fit_centroids, rng_for, select_k
from segmentry.robustness import SEED_BOOTSTRAP, _bootstrap, _feature_drops, _read_base, _seeds
from segmentry.settings import SegmentationSettings

FEATURES, CLUSTERS = 16, 6
BARS = {
    "base model": 1.5,
    "bootstrap of 100, full n and fixed m": 20.0,
    "feature drops": 10.0,
    "the whole set": 40.0,
}


def overlapping_clusters(customers: int, seed: int = 0) -> pd.DataFrame:
    """Draw Gaussian clusters that overlap, as customers do."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(CLUSTERS, FEATURES)) * 0.4
    values = centres[rng.integers(0, CLUSTERS, customers)] + rng.normal(size=(customers, FEATURES))
    frame = pd.DataFrame(values, columns=[f"f{column}" for column in range(FEATURES)])
    frame.insert(0, "customer_id", [f"c{number:09}" for number in range(customers)])
    return frame


def lines(customers: int) -> Iterator[dict[str, Any]]:
    """Yield the CPU time of each step, in plain fits, beside the bar."""
    from sklearn.cluster import KMeans

    frame = overlapping_clusters(customers)
    settings = SegmentationSettings(k=CLUSTERS, k_min=CLUSTERS, k_max=CLUSTERS, null_replicates=0)
    selection = select_k(frame.head(10_000), settings)
    values = frame.drop(columns="customer_id").to_numpy()
    plain = min(cpu(KMeans(CLUSTERS, n_init=1, random_state=seed).fit, values)[1] for seed in range(3))
    yield {"line": "plain scikit-learn fit, CPU", "customers": customers, "value": plain, "unit": "s"}
    spent = 0.0

    def step(name: str, seconds: float) -> dict[str, Any]:
        nonlocal spent
        spent += seconds
        return line(name, seconds)

    def line(name: str, seconds: float) -> dict[str, Any]:
        unit = f"plain fits, bar {BARS[name]:g}" if name in BARS else "plain fits"
        return {"line": f"segments, {name}", "customers": customers, "value": seconds / plain, "unit": unit}

    model, seconds = cpu(fit_centroids, frame, selection, settings)
    yield step("base model", seconds)
    every_k = SegmentationSettings(null_replicates=0)
    yield step("choice of k from 2 to 10", cpu(select_k, frame, every_k)[1])
    with single_threaded_blas():
        base, seconds = cpu(_read_base, frame, model, settings)
        spent += seconds
        yield step("feature drops", cpu(lambda: list(_feature_drops(base, settings, range(FEATURES + 1))))[1])
        yield step(
            "random starts",
            cpu(lambda: list(_seeds(base, settings, range(1, settings.seed_replicates + 1))))[1],
        )
        everyone = range(1, settings.bootstrap_replicates + 1)
        yield step(
            "bootstrap of 100, full n and fixed m",
            cpu(lambda: list(_bootstrap(base, settings, everyone)))[1],
        )
    yield line("the whole set", spent)
    # The nulls see a sample of the same size, however many customers there are.
    judged = cpu(select_k, frame.head(20_000), SegmentationSettings())[1]
    plainly = cpu(select_k, frame.head(20_000), every_k)[1]
    yield {"line": "segments, a null, CPU", "customers": customers, "value": judged - plainly, "unit": "s"}


def bias(frame: pd.DataFrame, replicates: int = 30) -> tuple[float, float]:
    """Mean and largest difference, over clusters, of the bootstrap's mean Jaccard and the reference's.

    The reference fits the same draws from 200 starts of its own, all run until nothing moves, and takes the best.
    """
    settings = SegmentationSettings(null_replicates=0, bootstrap_replicates=replicates)
    model = fit_centroids(frame, select_k(frame, settings), settings)
    with single_threaded_blas():
        base = _read_base(frame, model, settings)
        pieces = [
            piece
            for piece in _bootstrap(base, settings, range(1, replicates + 1))
            if piece["variant"] == "fixed_m"
        ]
        fast = np.mean([piece["score"] for piece in pieces], axis=0)
        n, converged = len(base.x), []
        for replicate in range(1, replicates + 1):
            drawn = rng_for(settings.seed, SEED_BOOTSTRAP, replicate).integers(0, n, size=n)
            rows, counts = np.unique(drawn[: settings.bootstrap_fixed_customers], return_counts=True)
            x, weights = base.x[rows], counts.astype(np.float64)
            rng = rng_for(settings.seed, 99, replicate)
            best = best_fit(lloyd_batch(x, weights, plus_plus(x, weights, base.k, 200, rng)))
            table = contingency_table(base.anchor.labels, assign(base.x, best.centroids), base.k, base.k)
            converged.append(jaccard_scores(table))
    apart = fast - np.mean(converged, axis=0)
    return float(apart.mean()), float(np.abs(apart).max())


def cpu(work: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """Return the result and the CPU time in seconds."""
    busy = time.process_time()
    result = work(*arguments)
    return result, time.process_time() - busy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--bias", type=Path, nargs="*")
    options = parser.parse_args()
    if options.bias is None:
        for line in lines(options.customers):
            print(
                f"{line['line']:<48}{line['customers']:>12,}{line['value']:>10.2f} {line['unit']}", flush=True
            )
    else:
        families = {"Gaussian clusters": overlapping_clusters(4_000)}
        families |= {path.stem: pd.read_parquet(path) for path in options.bias}
        for name, frame in families.items():
            mean, largest = bias(frame)
            print(f"{name:<48}{len(frame):>12,}{mean:>10.4f} mean, {largest:.4f} at most")
