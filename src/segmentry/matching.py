"""Segment ids that stay with the same people from run to run."""

from __future__ import annotations

import numpy as np
import pandas as pd

from segmentry._frames import Floats, Schema, require_columns, typed_frame
from segmentry.exceptions import DataValidationError

__all__ = ["keep_segments", "match_segments"]

OVERLAP_THRESHOLD = 0.3  # Jaccard below which a cluster is somebody new
CENTROID_THRESHOLD = 0.5  # 1 / (1 + distance): the centres lie within one standard deviation
MAJORITY = 0.5  # share of its customers from which a segment counts as split from, or merged into, another

MATCH_SCHEMA: Schema = {
    "segment_id": "str",
    "cluster": "Int64",
    "matched_by": "str",
    "match_score": "float64",
    "split_from": "str",
    "merged_into": "str",
    "current_size": "Int64",
    "previous_size": "Int64",
}


def match_segments(
    clusters: pd.DataFrame,
    overlap: pd.DataFrame,
    last_segment_number: int = 0,
    centroids: pd.DataFrame | None = None,
    previous_centroids: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Give each cluster of this run the id of the segment of the last run that holds the same people.

    Clusters and segments are paired so that the sum of their Jaccard overlaps is as large as possible; pairs
    under .3 are not made. What stays without a partner gets a new number, in the order of ``order_value``
    (highest first). Numbers are never used twice.

    Parameters
    ----------
    clusters
        One row per cluster of this run: ``cluster``, ``current_size`` (customers), ``order_value`` (what
        new ids are ordered by: total value).
    overlap
        Clusters x segments of the last run: ``cluster``, ``previous_segment_id`` ('S1', ...),
        ``shared_customers``, ``current_size``, ``previous_size``. Empty on a first run; rows with 0 shared
        customers may be there or not.
    last_segment_number
        The highest number any run has used, 0 on a first run.
    centroids, previous_centroids
        Used only when the runs share no customer: the table of `fit_centroids`, and that of the last run
        as ``previous_segment_id, feature, centroid_raw``.

    Returns
    -------
    pandas.DataFrame
        One row per segment of either run, sorted by number. ``cluster`` is NULL for a segment that is no
        more (``matched_by`` 'retired'); else ``matched_by`` is 'overlap', 'centroid', 'new' or 'first_run'.
        ``match_score``: Jaccard with the segment it continues (for 'new' the best that was found; for
        'centroid' 1 / (1 + distance in standard deviations)). ``split_from``: where at least half of a new
        segment's customers were; ``merged_into``: where at least half of a retired segment's customers are.

    Raises
    ------
    DataValidationError
        When a column is missing, a cluster occurs twice or is unknown, an id isn't 'S' and a number, sizes
        contradict the overlap, or ``last_segment_number`` is below a number in use.

    References
    ----------
    Kuhn, "The Hungarian method for the assignment problem", 1955 (`scipy.optimize.linear_sum_assignment`).

    Examples
    --------
    >>> clusters = pd.DataFrame({"cluster": [1, 2], "current_size": [10, 90], "order_value": [500.0, 40.0]})
    >>> empty = pd.DataFrame(
    ...     columns=["cluster", "previous_segment_id", "shared_customers", "current_size", "previous_size"]
    ... )
    >>> match_segments(clusters, empty)[["segment_id", "cluster", "matched_by"]].values.tolist()
    [['S1', 1, 'first_run'], ['S2', 2, 'first_run']]
    """
    current = _checked_clusters(clusters)
    previous, shared = _checked_overlap(overlap, list(current), last_segment_number)
    sizes = np.array(list(current.values()), dtype=np.float64)
    previous_sizes = np.array(list(previous.values()), dtype=np.float64)
    by, score, threshold = "overlap", _jaccard(shared, sizes, previous_sizes), OVERLAP_THRESHOLD
    if centroids is not None and previous_centroids is not None and previous and not shared.any():
        by, threshold = "centroid", CENTROID_THRESHOLD
        score = _closeness(list(current), list(previous), centroids, previous_centroids)

    continues = _paired(score, threshold)
    names = list(previous)
    new = [row for row in range(len(current)) if row not in continues]
    ids = {row: names[column] for row, column in continues.items()}
    ids |= {row: f"S{last_segment_number + rank}" for rank, row in enumerate(new, start=1)}

    rows: list[dict[str, object]] = []
    for row, (cluster, size) in enumerate(current.items()):
        entry: dict[str, object] = {"segment_id": ids[row], "cluster": cluster, "current_size": size}
        if row in continues:
            column = continues[row]
            entry |= {"matched_by": by, "match_score": score[row, column]}
            entry["previous_size"] = previous[names[column]]
        elif last_segment_number == 0:
            entry["matched_by"] = "first_run"
        else:
            origin = _majority(shared[row], size)
            entry |= {"matched_by": "new", "match_score": score[row].max(initial=0.0)}
            entry["split_from"] = None if origin is None else names[origin]
        rows.append(entry)
    for column, (name, size) in enumerate(previous.items()):
        if column not in continues.values():
            heir = _majority(shared[:, column], size)
            entry = {"segment_id": name, "matched_by": "retired", "previous_size": size}
            rows.append(entry | {"merged_into": None if heir is None else ids[heir]})
    table = typed_frame(sorted(rows, key=lambda entry: _number(str(entry["segment_id"]))), MATCH_SCHEMA)
    return table.assign(match_score=table["match_score"].round(6))


def keep_segments(clusters: pd.DataFrame, kept: pd.DataFrame) -> pd.DataFrame:
    """Give each cluster the id that it had when the centroids were fitted, for a run that only assigns.

    Parameters
    ----------
    clusters
        As in `match_segments`; a cluster without a customer today has no row.
    kept
        ``cluster`` and ``segment_id`` of the refit.

    Returns
    -------
    pandas.DataFrame
        In the shape of `match_segments`, ``matched_by`` 'assigned'.

    Raises
    ------
    DataValidationError
        When a cluster has no id.

    Examples
    --------
    >>> clusters = pd.DataFrame({"cluster": [1, 2], "current_size": [10, 90], "order_value": [500.0, 40.0]})
    >>> kept = pd.DataFrame({"cluster": [1, 2, 3], "segment_id": ["S4", "S2", "S1"]})
    >>> keep_segments(clusters, kept)[["segment_id", "cluster", "matched_by"]].values.tolist()
    [['S2', 2, 'assigned'], ['S4', 1, 'assigned']]
    """
    current = _checked_clusters(clusters)
    ids = dict(zip(kept["cluster"].astype("int64").tolist(), kept["segment_id"].tolist(), strict=True))
    unknown = sorted(set(current) - set(ids))
    if unknown:
        raise DataValidationError(f"The refit has no segment for cluster(s) {unknown}; refit.")
    rows: list[dict[str, object]] = [
        {"segment_id": ids[cluster], "cluster": cluster, "matched_by": "assigned", "current_size": size}
        for cluster, size in current.items()
    ]
    return typed_frame(sorted(rows, key=lambda row: _number(str(row["segment_id"]))), MATCH_SCHEMA)


def _number(segment_id: str) -> int:
    return int(segment_id[1:])


def _is_segment_id(name: str) -> bool:
    return name[:1] == "S" and name[1:].isascii() and name[1:].isdigit()


def _checked_clusters(clusters: pd.DataFrame) -> dict[int, int]:
    """Read the size per cluster, in the order in which new ids are given."""
    require_columns(clusters, ["cluster", "current_size", "order_value"], "The table of clusters")
    if clusters["cluster"].duplicated().any():
        raise DataValidationError(
            "The table of clusters has a cluster twice; it must hold one row per cluster."
        )
    ordered = clusters.astype({"cluster": "int64", "current_size": "int64"}).sort_values(
        ["order_value", "current_size", "cluster"], ascending=[False, False, True], na_position="last"
    )
    return dict(zip(ordered["cluster"].tolist(), ordered["current_size"].tolist(), strict=True))


def _checked_overlap(
    overlap: pd.DataFrame, clusters: list[int], last_segment_number: int
) -> tuple[dict[str, int], Floats]:
    """Read the size per segment of the last run, by number, and the shared customers (clusters, segments)."""
    columns = ["cluster", "previous_segment_id", "shared_customers", "current_size", "previous_size"]
    require_columns(overlap, columns, "The overlap with the last run")
    names = sorted({str(name) for name in overlap["previous_segment_id"]})
    odd = [name for name in names if not _is_segment_id(name)]
    if odd:
        raise DataValidationError(f"Segment ids must be 'S' and a number; found {', '.join(odd)}.")
    names.sort(key=_number)
    if names and last_segment_number < _number(names[-1]):
        raise DataValidationError(
            f"last_segment_number is {last_segment_number}, but {names[-1]} exists; "
            "pass the highest number over all runs, so that no id is used twice."
        )
    unknown = sorted(set(overlap["cluster"].tolist()) - set(clusters))
    if unknown:
        raise DataValidationError(f"The overlap names cluster(s) {unknown} that the table of clusters lacks.")
    counts = overlap[["shared_customers", "current_size", "previous_size"]].to_numpy(dtype=np.int64)
    if (counts[:, 0] > counts[:, 1:].min(axis=1, initial=2**62)).any() or overlap.duplicated(
        columns[:2]
    ).any():
        raise DataValidationError(
            "The overlap must hold one row per cluster and segment, "
            "with no more shared customers than either has members."
        )
    shared = np.zeros((len(clusters), len(names)))
    row_of = {cluster: row for row, cluster in enumerate(clusters)}
    column_of = {name: column for column, name in enumerate(names)}
    rows = [row_of[cluster] for cluster in overlap["cluster"].tolist()]
    columns_of = [column_of[name] for name in overlap["previous_segment_id"].tolist()]
    shared[rows, columns_of] = counts[:, 0]
    sizes = dict(zip(overlap["previous_segment_id"].astype(str), counts[:, 2].tolist(), strict=True))
    return {name: sizes[name] for name in names}, shared


def _majority(counts: Floats, size: float) -> int | None:
    """Find where at least half of the customers are, the first place on ties."""
    if not len(counts) or counts.max() <= 0 or counts.max() < MAJORITY * size:
        return None
    return int(counts.argmax())


def _jaccard(shared: Floats, sizes: Floats, previous_sizes: Floats) -> Floats:
    union = sizes[:, None] + previous_sizes[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _closeness(
    clusters: list[int], names: list[str], centroids: pd.DataFrame, previous_centroids: pd.DataFrame
) -> Floats:
    """Compute 1 / (1 + distance) of the centres, over the features of both runs, in standard deviations."""
    require_columns(centroids, ["cluster", "feature", "centroid_raw", "scale"], "The centroid table")
    require_columns(
        previous_centroids, ["previous_segment_id", "feature", "centroid_raw"], "The last centroid table"
    )
    varying = centroids[centroids["scale"] > 0]
    features = sorted(set(varying["feature"]) & set(previous_centroids["feature"]))
    if not features:
        return np.zeros((len(clusters), len(names)))
    now = varying.pivot(index="cluster", columns="feature", values="centroid_raw")
    then = previous_centroids.pivot(index="previous_segment_id", columns="feature", values="centroid_raw")
    scale = varying.drop_duplicates("feature").set_index("feature")["scale"].reindex(features).to_numpy()
    here = now.reindex(index=clusters, columns=features).to_numpy(dtype=np.float64) / scale
    there = then.reindex(index=names, columns=features).to_numpy(dtype=np.float64) / scale
    distance = np.sqrt(np.square(here[:, None, :] - there[None, :, :]).sum(axis=2))
    return np.asarray(np.nan_to_num(1.0 / (1.0 + distance), nan=0.0))


def _paired(score: Floats, threshold: float) -> dict[int, int]:
    """Find the pairing of clusters and segments with the largest total score."""
    from scipy.optimize import linear_sum_assignment

    # Pairs under the threshold weigh nothing: they must not cost a true pair its partner.
    eligible = np.where(score >= threshold, score, 0.0)
    rows, columns = linear_sum_assignment(eligible, maximize=True)
    return {
        int(row): int(column) for row, column in zip(rows, columns, strict=True) if eligible[row, column] > 0
    }
