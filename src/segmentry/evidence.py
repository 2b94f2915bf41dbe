"""Are there segments at all, per number of clusters: what is found, against what chance would find.

A partition of customers is one of three kinds (Dolnicar, Gruen, Leisch, *Market Segmentation Analysis*,
2018):

``natural``
    The clusters are there: they predict each other across halves of the customers, come back in resamples,
    and stand apart more than under both nulls.
``reproducible``
    A continuum, but the same cuts come back, and more surely than under both nulls.
``constructive``
    A useful partition at best.

Everything here runs on one sample of at most ``kind_sample_customers``, whatever the number of customers:
stability grows with the number of rows whether or not there are clusters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from segmentry._frames import Floats, Ints, Schema
from segmentry._kmeans import Labels, assign, best_fit, lloyd_batch, plus_plus
from segmentry.agreement import contingency_table, jaccard_scores, pairs_together
from segmentry.engines.fan_out import fan_out

__all__ = ["Evidence", "k_evidence", "one_population", "prediction_strength", "silhouettes"]

STRONG = 0.8  # prediction strength from which clusters are there (Tibshirani and Walther)
STABLE = 0.75  # Jaccard from which a cluster is valid (Hennig)
LEVEL = 0.95  # of both measures and all k together
SPLITS, STARTS = 10, 10
RESAMPLES, NULL_RESAMPLES = (
    20,
    8,
)  # per k; the excess over the nulls is judged on the first 8 for data and null
OPTIMA = 4  # local optima of the sample from which each resample is fitted
ITERATIONS, STILL = 100, 1e-5  # single precision: until no centroid moves by this many standard deviations
BINS = 40
SINGLE: Any = np.float32
NARROW = 1e-3  # width, in standard deviations, that stands for a value that many customers share

NULL_SCHEMA: Schema = {"null": "int64", "replicate": "int64", "silhouette": "float64", "jaccard": "float64"}


def silhouettes(x: Floats, labellings: list[Ints]) -> list[float]:
    """Compute the mean silhouette of each labelling of the same rows; NaN for a labelling with one label.

    Distances are computed once for all labellings, and summed per cluster as a matrix product.

    References
    ----------
    Rousseeuw, "Silhouettes", J. Comput. Appl. Math. 20, 1987. A row alone in its cluster scores 0.
    """
    n = len(x)
    counts = [np.bincount(labels) for labels in labellings]
    members = np.zeros((n, sum(len(count) for count in counts)))
    first = np.cumsum([0, *(len(count) for count in counts)])
    for labels, offset in zip(labellings, first[:-1], strict=True):
        members[np.arange(n), offset + labels] = 1.0
    totals = np.zeros(len(labellings))
    squares = np.einsum("nd,nd->n", x, x)

    for start in range(0, n, 1000):
        part = slice(start, min(start + 1000, n))
        distances = x[part] @ x.T
        distances *= -2.0
        distances += squares
        distances += squares[part][:, None]
        np.sqrt(np.maximum(distances, 0.0, out=distances), out=distances)
        rows = np.arange(part.stop - part.start)
        distances[rows, rows + start] = 0.0
        sums = distances @ members
        for number, (labels, count) in enumerate(zip(labellings, counts, strict=True)):
            own = labels[part]
            per_cluster = sums[:, first[number] : first[number + 1]]
            within = per_cluster[rows, own] / np.maximum(count[own] - 1, 1)
            others = per_cluster / np.maximum(count, 1)
            others[:, count == 0] = np.inf
            others[rows, own] = np.inf
            between = others.min(axis=1)
            largest = np.maximum(within, between)
            defined = (count[own] > 1) & (largest > 0) & np.isfinite(between)
            totals[number] += np.sum((between - within)[defined] / largest[defined])
    return [
        float(total / n) if np.count_nonzero(count) > 1 else float("nan")
        for total, count in zip(totals, counts, strict=True)
    ]


class Evidence(NamedTuple):
    """What is known about one number of clusters.

    ``silhouette`` and ``jaccard`` (the lowest mean of any cluster, over as few resamples as the nulls get)
    are of the sample; the bars are what they have to exceed, the higher one of all nulls. Bars are NaN where
    nothing depends on them: when no k is stable.
    """

    k: int
    prediction_strength: float
    minimum_jaccard: float
    silhouette: float
    silhouette_bar: float
    jaccard: float
    jaccard_bar: float
    kind: str


def _optima(x: Floats, k: int, starts: int, rng: np.random.Generator) -> Floats:
    """Find the best few local optima, best first: (at most OPTIMA, k, d), in single precision."""
    rows = x.astype(SINGLE)
    seeds = plus_plus(x, np.ones(len(x)), k, starts, rng).astype(SINGLE)
    fits = lloyd_batch(rows, np.ones(len(x), dtype=SINGLE), seeds, ITERATIONS, STILL)
    return np.array([fit.centroids for fit in sorted(fits, key=lambda fit: fit.inertia)[:OPTIMA]])


def prediction_strength(x: Floats, k: int, rng: np.random.Generator) -> float:
    """Compute how well the clusters of one half of the rows predict those of the other.

    The lowest share, over the clusters of one half, of pairs that the clusters of the other half keep
    together; mean over ten random splits and both directions.

    Parameters
    ----------
    x
        Standardised rows, (n, d).
    k
        Number of clusters.
    rng
        Source of the splits and starts.

    References
    ----------
    Tibshirani, Walther, "Cluster validation by prediction strength", J. Comput. Graph. Stat. 14, 2005.

    Examples
    --------
    >>> rows = np.repeat([[0.0, 0.0], [9.0, 0.0]], 20, axis=0) + np.random.default_rng(0).normal(size=(40, 2))
    >>> prediction_strength(rows, 2, np.random.default_rng(1))
    1.0
    """
    strengths = []
    for _ in range(SPLITS):
        order = rng.permutation(len(x))
        halves = x[order[: len(x) // 2]], x[order[len(x) // 2 :]]
        models = [_optima(half, k, STARTS // 2, rng)[0].astype(np.float64) for half in halves]
        for half, own, other in ((halves[1], models[1], models[0]), (halves[0], *models)):
            table = contingency_table(assign(half, own), assign(half, other), k, k)
            strengths.append(float(pairs_together(table)[table.sum(axis=1) > 0].min()))
    return float(np.mean(strengths))


def _resampled(x: Floats, optima: Floats, labels: Labels, weights: Floats) -> Floats:
    """Jaccard of every cluster in every resample: (resamples, k)."""
    k = len(optima[0])
    rows = x.astype(SINGLE)
    fits = lloyd_batch(
        rows,
        np.repeat(weights, len(optima), axis=0),
        np.tile(optima, (len(weights), 1, 1)),
        ITERATIONS,
        STILL,
    )
    scores = []
    for first in range(0, len(fits), len(optima)):
        found = assign(rows, best_fit(fits[first : first + len(optima)]).centroids)
        scores.append(jaccard_scores(contingency_table(labels, found, k, k)))
    return np.array(scores)


class _Statistics(NamedTuple):
    """Per k: silhouette, lowest mean Jaccard over all resamples and over the first few."""

    silhouette: Floats
    minimum_jaccard: Floats
    jaccard: Floats


def _statistics(
    x: Floats, candidates: Sequence[int], resamples: int, rng: np.random.Generator
) -> _Statistics:
    n = len(x)
    weights = np.array(
        [np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(resamples)], dtype=SINGLE
    )
    labellings: list[Ints] = []
    lowest, lowest_of_few = [], []
    for k in candidates:
        optima = _optima(x, k, STARTS, rng)
        labels = assign(x.astype(SINGLE), optima[0])
        scores = _resampled(x, optima, labels, weights)
        occupied = ~np.isnan(scores[0])
        lowest.append(scores.mean(axis=0)[occupied].min())
        lowest_of_few.append(scores[:NULL_RESAMPLES].mean(axis=0)[occupied].min())
        labellings.append(labels.astype(np.int64))
    return _Statistics(np.array(silhouettes(x, labellings)), np.array(lowest), np.array(lowest_of_few))


def _one_hump(values: Floats) -> tuple[Floats, Floats]:
    """Find the distribution with one hump that is nearest to the values: places and cumulated shares.

    A histogram over quantiles, with narrow bins for values that many share, made to rise to one bin and fall
    after it by isotonic regression; the top is where the cumulated shares stay nearest.
    """
    from scipy.optimize import isotonic_regression

    n = len(values)
    middle = np.linspace(0.0, 1.0, BINS + 1)
    tail = 2.0 ** np.arange(int(np.log2(n / BINS)) + 1 if n > BINS else 0) / n
    edges = np.unique(np.quantile(values, np.unique(np.concatenate([middle, tail, 1.0 - tail]))))
    distinct, counts = np.unique(values, return_counts=True)
    shared = distinct[counts >= n / BINS]
    edges = np.unique(np.concatenate([edges, shared - NARROW / 2, shared + NARROW / 2]))
    widths = np.diff(edges)
    heights = np.histogram(values, edges)[0] / n / widths
    best, nearest = heights, np.inf
    for top in range(len(heights)):
        rising = isotonic_regression(heights[:top], weights=widths[:top]).x if top else heights[:0]
        falling = isotonic_regression(heights[top:], weights=widths[top:], increasing=False).x
        humped = np.concatenate([rising, falling])
        apart = float(np.abs(np.cumsum((humped - heights) * widths)).max())
        if apart < nearest - 1e-12:
            best, nearest = humped, apart
    cumulated = np.concatenate([[0.0], np.cumsum(best * widths)])
    return edges, cumulated / cumulated[-1]


def one_population(x: Floats) -> Callable[[np.random.Generator], Floats]:
    """Make a source of data sets without clusters that resemble this one.

    Each feature keeps its law as far as that has one hump, and the features keep their rank correlation (a
    Gaussian copula). A plain Gaussian with the same covariance is not enough: one long uniform cloud, cut in
    two, has a higher silhouette than any Gaussian.

    Parameters
    ----------
    x
        Standardised rows, (n, d).

    Returns
    -------
    callable
        Takes a generator, returns rows of the same shape.
    """
    from scipy.special import ndtr, ndtri

    n, d = x.shape
    laws = [_one_hump(x[:, column]) for column in range(d)]
    normal = ndtri((pd.DataFrame(x).rank().to_numpy() - 0.5) / n)
    correlation = np.atleast_2d(np.corrcoef(normal.T))
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))

    def draw(rng: np.random.Generator) -> Floats:
        places = ndtr(rng.normal(size=(n, d)) @ root.T)
        return np.column_stack(
            [np.interp(places[:, column], shares, edges) for column, (edges, shares) in enumerate(laws)]
        )

    return draw


def _bars(found: Floats, nulls: Floats) -> Floats:
    """Bars, (measures, k), from the data's values and those of null replicates, (replicates, measures, k).

    Data and replicates are standardised together, so that they are exchangeable under the null; the bar is
    the 95th percentile, upward, over the replicates of the largest value that each has anywhere. The level
    holds for all k and both measures together, however few replicates: with 20, the bar is the largest.

    References
    ----------
    Westfall, Young, *Resampling-Based Multiple Testing*, 1993 (max-t).
    """
    everything = np.concatenate([found[None], nulls])
    mean, spread = everything.mean(axis=0), np.maximum(everything.std(axis=0), 1e-9)
    largest = ((nulls - mean) / spread).max(axis=(1, 2))
    return np.asarray(mean + spread * np.quantile(largest, LEVEL, method="higher"))


def _null_replicate(
    candidates: Sequence[int],
    nulls: Sequence[Callable[[int], Floats | None]],
    rng_for: Callable[[int, int], np.random.Generator],
    task: tuple[int, int],
) -> dict[str, Any]:
    """Measure one replicate of one null, for every k; nothing where the null has none."""
    number, replicate = task
    rows = nulls[number](replicate)
    if rows is None:
        return {name: [] for name in NULL_SCHEMA}
    found = _statistics(rows, candidates, NULL_RESAMPLES, rng_for(number + 2, replicate))
    return {
        "null": number,
        "replicate": replicate,
        "silhouette": found.silhouette,
        "jaccard": found.jaccard,
    }


def k_evidence(
    x: Floats,
    candidates: Sequence[int],
    is_large: Sequence[bool],
    nulls: Sequence[Callable[[int], Floats | None]],
    null_replicates: int,
    rng_for: Callable[[int, int], np.random.Generator],
    session: Any = None,
) -> list[Evidence]:
    """Judge every number of clusters.

    Parameters
    ----------
    x
        Standardised rows of the sample, (n, d).
    candidates
        Numbers of clusters.
    is_large
        Whether the smallest cluster of each is large enough.
    nulls
        Each gives standardised rows for a replicate from 1; None where the null has none.
    null_replicates
        Replicates of each null.
    rng_for
        Makes a generator for a purpose and a number.
    session
        Where null replicates run, see `segmentry.engines.fan_out`.

    Returns
    -------
    list of Evidence
        In the order of the candidates.
    """
    found = _statistics(x, candidates, RESAMPLES, rng_for(0, 0))
    strength = np.array([prediction_strength(x, k, rng_for(1, k)) for k in candidates])
    stable = (found.minimum_jaccard >= STABLE) & np.asarray(is_large, dtype=bool)
    measures = np.array([found.silhouette, found.jaccard])
    bars = np.full(measures.shape, np.nan)
    if stable.any():
        runs = fan_out(
            session,
            [
                (number, replicate)
                for number in range(len(nulls))
                for replicate in range(1, null_replicates + 1)
            ],
            partial(_null_replicate, candidates, nulls, rng_for),
            NULL_SCHEMA,
            "data without segments",
        )
        for _, several in runs.groupby("null", sort=True):
            # Rows come replicate by replicate and k by k.
            values = several[["silhouette", "jaccard"]].to_numpy().reshape(-1, len(candidates), 2)
            bars = np.fmax(bars, _bars(measures, values.transpose(0, 2, 1)))
    above_silhouette, above_jaccard = measures > bars
    natural = stable & (strength >= STRONG) & above_silhouette
    reproducible = stable & above_jaccard
    return [
        Evidence(
            k,
            round(float(strength[place]), 6),
            round(float(found.minimum_jaccard[place]), 6),
            round(float(found.silhouette[place]), 6),
            round(float(bars[0, place]), 6),
            round(float(found.jaccard[place]), 6),
            round(float(bars[1, place]), 6),
            "natural" if natural[place] else "reproducible" if reproducible[place] else "constructive",
        )
        for place, k in enumerate(candidates)
    ]
