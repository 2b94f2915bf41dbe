"""How far two partitions of the same customers agree.

References
----------
Hennig, "Cluster-wise assessment of cluster stability", Comput. Stat. Data Anal. 52, 2007 (Jaccard).
Hubert, Arabie, "Comparing partitions", J. Classification 2, 1985 (adjusted Rand index).
Tibshirani, Walther, "Cluster validation by prediction strength", J. Comput. Graph. Stat. 14, 2005.
"""

from __future__ import annotations

import numpy as np

from segmentry._frames import Floats, Ints
from segmentry._kmeans import Labels

__all__ = ["adjusted_rand_index", "contingency_table", "jaccard_scores", "pairs_together"]


def contingency_table(base: Labels, other: Labels, base_count: int, other_count: int) -> Ints:
    """Count the rows per pair of labels.

    Parameters
    ----------
    base, other
        Labels from 0 of the same rows, (n,).
    base_count, other_count
        Numbers of clusters.

    Returns
    -------
    numpy.ndarray
        Counts, (base_count, other_count).

    Examples
    --------
    >>> contingency_table(np.array([0, 0, 1]), np.array([1, 1, 0]), 2, 2).tolist()
    [[0, 2], [1, 0]]
    """
    pairs = base.astype(np.int64) * other_count + other
    return np.bincount(pairs, minlength=base_count * other_count).reshape(base_count, other_count)


def jaccard_scores(table: Ints) -> Floats:
    """Compute the Jaccard overlap of each base cluster with the other cluster that resembles it most.

    Parameters
    ----------
    table
        Counts per pair of labels, (k, k').

    Returns
    -------
    numpy.ndarray
        Scores from 0 to 1, (k,); NaN for a base cluster without rows.

    Examples
    --------
    >>> jaccard_scores(np.array([[3, 1], [0, 4]])).tolist()
    [0.75, 0.8]
    """
    rows, columns = table.sum(axis=1, keepdims=True), table.sum(axis=0, keepdims=True)
    union = rows + columns - table
    overlap = np.divide(table, union, out=np.zeros(table.shape), where=union > 0)
    return np.where(rows[:, 0] > 0, overlap.max(axis=1), np.nan)


def adjusted_rand_index(table: Ints) -> float:
    """Compute how much two labellings agree: 1 fully, about 0 by chance.

    Parameters
    ----------
    table
        Counts per pair of labels, (k, k').

    Examples
    --------
    >>> adjusted_rand_index(np.array([[5, 0], [0, 5]]))
    1.0
    """

    def pairs(counts: Ints) -> float:
        exact = counts.astype(np.float64)
        return float(np.sum(exact * (exact - 1.0) / 2.0))

    together, total = pairs(table), pairs(table.sum(keepdims=True))
    base, other = pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    expected = base * other / total if total else 0.0
    largest = (base + other) / 2.0
    return 1.0 if largest == expected else (together - expected) / (largest - expected)


def pairs_together(table: Ints) -> Floats:
    """Compute, per base cluster, the share of its pairs of rows that the other partition keeps together.

    Parameters
    ----------
    table
        Counts per pair of labels, (k, k').

    Returns
    -------
    numpy.ndarray
        Shares from 0 to 1, (k,); 0 for a cluster without a pair: it predicts nothing.

    Examples
    --------
    >>> pairs_together(np.array([[3, 1], [0, 4]])).tolist()
    [0.5, 1.0]
    """
    exact = table.astype(np.float64)
    rows = exact.sum(axis=1)
    pairs = rows * (rows - 1.0)
    together = (exact * (exact - 1.0)).sum(axis=1)
    return np.asarray(np.divide(together, pairs, out=np.zeros_like(rows), where=pairs > 0))
