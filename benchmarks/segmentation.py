"""Measure segments and their tests in units of one plain scikit-learn fit. Called by run.py; also runs alone.

python benchmarks/segmentation.py [--customers 1000000] [--json] [--bias features.parquet ...]

A unit is the CPU time of ``KMeans(n_init=1)`` on the same rows and one thread in the same process. ``--bias`` compares the bootstrap with a converged
reference instead: on Gaussian clusters and on the feature tables that are named (customer_id and one column per feature).
"""

from __future__ import annotations

import argparse
import json
import resource
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
    "bootstrap of 100, full n": 8.0,
    "bootstrap of 100, fixed m": 12.0,
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
    """Yield the CPU time of each step, in plain fits, beside the bar.

    Each step is divided by the mean of a plain fit just before and one just after it, so that what else the machine does counts for both.
    A fit is the same every time, on one thread: a second one would add the time that it waits.
    """
    from sklearn.cluster import KMeans

    frame = overlapping_clusters(customers)
    settings = SegmentationSettings(k=CLUSTERS, k_min=CLUSTERS, k_max=CLUSTERS, null_replicates=0)
    selection = select_k(frame.head(10_000), settings)
    values = frame.drop(columns="customer_id").to_numpy()

    def line(name: str, value: float, unit: str = "") -> dict[str, Any]:
        unit = unit or f"plain fits{f', bar {BARS[name]:g}' if name in BARS else ''}"
        return {"line": f"segments, {name}", "customers": customers, "value": value, "unit": unit}

    def plain_fit() -> float:
        with single_threaded_blas():
            return cpu(KMeans(CLUSTERS, n_init=1, random_state=0).fit, values)[1]

    plain = [plain_fit()]
    spent = 0.0

    def in_fits(seconds: float) -> float:
        plain.append(plain_fit())
        return seconds / float(np.mean(plain[-2:]))

    model, seconds = cpu(fit_centroids, frame, selection, settings)
    spent += (fits := in_fits(seconds))
    yield line("base model", fits)
    every_k = SegmentationSettings(null_replicates=0)
    spent += (fits := in_fits(cpu(select_k, frame, every_k)[1]))
    yield line("choice of k from 2 to 10", fits)
    with single_threaded_blas():
        base, seconds = cpu(_read_base, frame, model, settings)
        spent += (fits := in_fits(seconds))
        yield line("reading the base model", fits)
        spent += (fits := in_fits(cpu(lambda: list(_feature_drops(base, settings, range(FEATURES + 1))))[1]))
        yield line("feature drops", fits)
        spent += (
            fits := in_fits(
                cpu(lambda: list(_seeds(base, settings, range(1, settings.seed_replicates + 1))))[1]
            )
        )
        yield line("random starts", fits)
        both = {"fixed_m": 0.0, "full_n": 0.0}  # full n goes on from what fixed m has found
        pieces = _bootstrap(base, settings, range(1, settings.bootstrap_replicates + 1))
        for _ in range(4):
            seconds_of = dict.fromkeys(both, 0.0)
            for _ in range(2 * settings.bootstrap_replicates // 4):
                piece, seconds = cpu(next, pieces)
                seconds_of[piece["variant"]] += seconds
            plain.append(plain_fit())
            for variant, seconds in seconds_of.items():
                both[variant] += seconds / float(np.mean(plain[-2:]))
    for variant, fits in both.items():
        yield line(f"bootstrap of 100, {variant.replace('_', ' ')}", fits)
    yield line("the whole set", spent + sum(both.values()))
    # Linux: in kilobytes. The table of features is part of it.
    yield line("peak memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB, bar 4000")
    yield line("a plain scikit-learn fit, CPU", float(np.mean(plain)), "s")
    # The nulls see a sample of the same size, however many customers there are.
    judged = cpu(select_k, frame.head(20_000), SegmentationSettings())[1]
    plainly = cpu(select_k, frame.head(20_000), every_k)[1]
    yield line("a null, CPU", judged - plainly, "s")


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
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.bias is None:
        found = []
        for line in lines(options.customers):
            found.append(line)
            print(
                f"{line['line']:<48}{line['customers']:>12,}{line['value']:>10.2f} {line['unit']}", flush=True
            )
        if options.json:
            print(json.dumps(found))
    else:
        families = {"Gaussian clusters": overlapping_clusters(4_000)}
        families |= {path.stem: pd.read_parquet(path) for path in options.bias}
        for name, frame in families.items():
            mean, largest = bias(frame)
            print(f"{name:<48}{len(frame):>12,}{mean:>10.4f} mean, {largest:.4f} at most")
