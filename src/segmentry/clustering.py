"""From features to clusters: how many, where their centres are, and who belongs to which.

The three functions are one way: `select_k` decides on k, `fit_centroids` makes the base model for it, and
`assign` says what scoring by that model means (in the warehouse the same is done in SQL).

Rules that make equal input give equal bytes: rows are sorted by ``customer_id``, samples are drawn by a
hash of the id, seeds are explicit, clusters are numbered by a total order, stored numbers are rounded.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from segmentry._frames import (
    Bools,
    Floats,
    Ints,
    Schema,
    feature_matrix,
    require_columns,
    sample_rows,
    sorted_customers,
    typed_frame,
)
from segmentry._kmeans import CHUNK, FINALISTS, Fit, best_fit, lloyd, multi_start, single_threaded_blas
from segmentry._kmeans import assign as nearest_centroid
from segmentry.evidence import Evidence, k_evidence, one_population, silhouettes
from segmentry.exceptions import ClusteringError, DataValidationError
from segmentry.settings import SegmentationSettings

__all__ = ["assign", "fit_centroids", "select_k"]

SMALLEST_SHARE = 0.01  # a k whose smallest cluster is below this is not chosen while another one is not
ELBOW_TOLERANCE = 0.1  # silhouettes within a tenth of the highest say the same, and the elbow decides
REFIT_SAMPLE = 20_000  # customers; what the choice of k and the tests fit many times needs no more
DECIMALS = 10  # of stored scalers, centroids and distances: far below what matters, far above rounding
BOUNDARY_SCORE = 0.1  # members below this membership score sit between two segments

CONSTANT = "the same for all customers"
KINDS = ("constructive", "reproducible", "natural")  # from the least to the best
# Purposes in SeedSequence([seed, purpose, ...]); robustness.py has those from 2 to 5.
SEED_FIT, SEED_EVIDENCE, SEED_ONE_POPULATION = 1, 6, 7

SELECTION_SCHEMA: Schema = {
    "k": "Int64",
    "inertia": "float64",
    "silhouette": "float64",
    "smallest_share": "float64",
    "is_elbow": "bool",
    "is_silhouette_best": "bool",
    "prediction_strength": "float64",
    "minimum_jaccard": "float64",
    "sample_silhouette": "float64",
    "silhouette_bar": "float64",
    "sample_jaccard": "float64",
    "jaccard_bar": "float64",
    "kind": "str",
    "is_chosen": "bool",
    "status": "str",
    "reason": "str",
}
CENTROID_SCHEMA: Schema = {
    "cluster": "int64",
    "feature": "str",
    "mean": "float64",
    "scale": "float64",
    "is_dropped": "bool",
    "drop_reason": "str",
    "centroid": "float64",
    "centroid_raw": "float64",
    "cluster_size": "int64",
    "inertia": "float64",
}
ASSIGNMENT_SCHEMA: Schema = {
    "customer_id": "str",
    "cluster": "int64",
    "distance": "float64",
    "second_distance": "float64",
    "margin": "float64",
    "membership_score": "float64",
    "is_boundary": "bool",
}


class Scaler(NamedTuple):
    """Mean and standard deviation (population) per feature; a scale of 0 marks a constant feature."""

    mean: Floats
    scale: Floats

    @property
    def kept(self) -> Bools:
        """Which features vary."""
        return np.asarray(self.scale > 0)

    def transform(self, values: Floats) -> Floats:
        """Standardised values of the features that vary: (n, kept)."""
        kept = self.kept
        x = np.array(values if kept.all() else values[:, kept], order="C")
        x -= self.mean[kept]
        x /= self.scale[kept]
        return x


def rounded(values: Floats) -> Floats:
    """Round what is stored; without the negative zero, which prints differently."""
    return np.round(values, DECIMALS) + 0.0


def fit_scaler(values: Floats) -> Scaler:
    """Means and standard deviations as they are stored, so that SQL scales with the same numbers."""
    exact = values.mean(axis=0)
    squares = np.zeros_like(exact)
    for start in range(0, len(values), CHUNK):  # numpy's std would copy all values
        squares += np.square(values[start : start + CHUNK] - exact).sum(axis=0)
    mean, scale = rounded(exact), rounded(np.sqrt(squares / max(len(values), 1)))
    scale[scale <= 1e-9 * np.maximum(1.0, np.abs(mean))] = 0.0
    return Scaler(mean, scale)


def feature_names(frame: pd.DataFrame, settings: SegmentationSettings) -> list[str]:
    """Take the features of the settings, else every column but the id."""
    return [feature.name for feature in settings.features] or [
        str(name) for name in frame.columns if name != "customer_id"
    ]


def rng_for(*key: int) -> np.random.Generator:
    """Make a generator of its own for every (seed, purpose, ...)."""
    return np.random.default_rng(np.random.SeedSequence(key))


def refit_rows(customer_ids: pd.Series, settings: SegmentationSettings) -> Ints:
    """Take the sample on which the many fits start that are compared with each other."""
    return sample_rows(customer_ids, min(settings.fit_sample_customers, REFIT_SAMPLE), settings.seed)


def _distinct_rows(values: Floats, sample: Ints, enough: int) -> int:
    """Count distinct rows, up to ``enough``."""
    distinct = len(np.unique(values[sample], axis=0))
    if distinct < enough and len(sample) < len(values):
        distinct = len(pd.DataFrame(values).drop_duplicates())
    return min(distinct, enough)


def fit_sample(x: Floats, k: int, settings: SegmentationSettings, finalists: int = FINALISTS) -> Fit:
    """Fit the rows of a sample with ``n_init`` starts."""
    rng = rng_for(settings.seed, SEED_FIT, k)
    return best_fit(multi_start(x, np.ones(len(x)), k, settings.n_init, rng, finalists=finalists))


def elbow(candidates: list[int], inertias: list[float]) -> int | None:
    """Find the k at the elbow of the inertia curve, None where it has none.

    References
    ----------
    Satopaa and others, "Finding a 'kneedle' in a haystack", ICDCS workshops 2011, by the package kneed.
    """
    if len(candidates) < 3:
        return None
    from kneed import KneeLocator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "no knee found" is an answer, not a problem
        knee = KneeLocator(candidates, inertias, curve="convex", direction="decreasing").knee
    return None if knee is None else int(knee)


def select_k(
    features: pd.DataFrame,
    settings: SegmentationSettings,
    shuffled_features: pd.DataFrame | None = None,
    session: Any = None,
) -> pd.DataFrame:
    """Decide into how many clusters the customers fall, and whether these are more than chance makes.

    Parameters
    ----------
    features
        One row per customer: ``customer_id`` and one numeric column per feature, transformed and
        without NULL.
    settings
        ``k_method='auto'`` takes the best kind that any k reaches whose smallest cluster holds 1 %, and
        within it the highest silhouette at k of 3 and more (2 only if no other k is of that kind); within a
        tenth of it the elbow decides. ``stability`` takes the highest ``minimum_jaccard`` at k of 3 and more.
        A fixed ``k`` overrides all.
    shuffled_features
        The null in which nobody has preferences: ``replicate`` (from 1), ``customer_id`` and the same
        features, made from orders and visits whose attributes were shuffled across customers. Without it
        there is one null, that of one population (`segmentry.evidence`).
    session
        Where null replicates run, see `segmentry.engines.fan_out`; the result is the same everywhere.

    Returns
    -------
    pandas.DataFrame
        `cluster_selection`, one row per k: inertia (squared standard deviations, scaled from the sample to
        all customers), silhouette (-1 to 1), smallest_share, is_elbow, is_silhouette_best, the evidence and
        the kind (`segmentry.evidence.Evidence`, on at most ``kind_sample_customers``; kind is NULL without
        null replicates), is_chosen, status, reason. One row with k NULL and the status ``insufficient_data``
        when there are fewer customers than ``minimum_customers``; one with k = 1 and ``single_segment`` when
        all are identical.

    Raises
    ------
    DataValidationError
        When ids are missing or occur twice, or a feature is missing, NULL or not numeric.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> centres = np.repeat([[0, 0], [9, 0], [0, 9]], 40, axis=0)
    >>> frame = pd.DataFrame(centres + rng.normal(size=(120, 2)), columns=["rate", "value"])
    >>> frame.insert(0, "customer_id", [f"c{number:03}" for number in range(120)])
    >>> selection = select_k(frame, SegmentationSettings(k_max=6))
    >>> int(selection.loc[selection["is_chosen"], "k"].iloc[0])
    3
    """
    frame = sorted_customers(features)
    values = feature_matrix(frame, feature_names(frame, settings))
    if len(frame) < settings.minimum_customers:
        return _one_row(
            None,
            "insufficient_data",
            f"{len(frame)} customers, fewer than the {settings.minimum_customers} that are needed",
        )
    if values.shape[1] == 0:
        raise DataValidationError("The feature table has no feature; it needs at least one numeric column.")

    rows = refit_rows(frame["customer_id"], settings)
    distinct = _distinct_rows(values, rows, max(settings.k_max, settings.k or 0) + 1)
    scaler = fit_scaler(values)
    if distinct < 2 or not scaler.kept.any():
        return _one_row(1, "single_segment", "all customers have the same features")

    wanted = set(range(settings.k_min, settings.k_max + 1)) | ({settings.k} if settings.k else set())
    candidates = sorted({min(k, distinct) for k in wanted})
    x = scaler.transform(values[rows])
    head = x[: settings.silhouette_sample_customers]

    with single_threaded_blas():
        fits = [fit_sample(x, k, settings) for k in candidates]
        labellings = [nearest_centroid(x, fit.centroids).astype(np.int64) for fit in fits]
        scores = silhouettes(head, [labels[: len(head)] for labels in labellings])
        shares = [
            round(float(np.bincount(labels, minlength=k).min()) / len(x), 6)
            for labels, k in zip(labellings, candidates, strict=True)
        ]
        is_large = [share >= SMALLEST_SHARE for share in shares]
        sample = x[: settings.kind_sample_customers]
        evidence = _evidence(sample, candidates, is_large, settings, scaler, shuffled_features, session)
    return _choose(
        typed_frame(
            {
                "k": candidates,
                "inertia": np.round([fit.inertia * len(values) / len(x) for fit in fits], 6),
                "silhouette": np.round(scores, 6),
                "smallest_share": shares,
                "is_elbow": False,
                "is_silhouette_best": False,
                "prediction_strength": [found.prediction_strength for found in evidence],
                "minimum_jaccard": [found.minimum_jaccard for found in evidence],
                "sample_silhouette": [found.silhouette for found in evidence],
                "silhouette_bar": [found.silhouette_bar for found in evidence],
                "sample_jaccard": [found.jaccard for found in evidence],
                "jaccard_bar": [found.jaccard_bar for found in evidence],
                "kind": [found.kind if settings.null_replicates else None for found in evidence],
                "is_chosen": False,
                "status": "ok",
                "reason": "",
            },
            SELECTION_SCHEMA,
        ),
        settings,
    )


def _evidence(
    x: Floats,
    candidates: list[int],
    is_large: list[bool],
    settings: SegmentationSettings,
    scaler: Scaler,
    shuffled_features: pd.DataFrame | None,
    session: Any,
) -> list[Evidence]:
    """Judge every k on the sample against the nulls."""
    population = one_population(x)

    def one(replicate: int) -> Floats | None:
        drawn = population(rng_for(settings.seed, SEED_ONE_POPULATION, replicate))
        return fit_scaler(drawn).transform(drawn)

    nulls: list[Callable[[int], Floats | None]] = [one]
    if shuffled_features is not None:
        require_columns(shuffled_features, ["replicate", "customer_id"], "The shuffled features")
        names = feature_names(shuffled_features.drop(columns="replicate"), settings)
        groups = dict(list(shuffled_features.groupby(shuffled_features["replicate"].astype("int64"))))

        def shuffled(replicate: int) -> Floats | None:
            if replicate not in groups:
                return None
            rows = sorted_customers(groups[replicate], "A replicate of the shuffled features")
            values = feature_matrix(rows, names, "The shuffled features")[:, scaler.kept]
            own = fit_scaler(values)
            return own.transform(values) if own.kept.any() else None

        nulls.append(shuffled)
    return k_evidence(
        x,
        candidates,
        is_large,
        nulls,
        settings.null_replicates,
        lambda purpose, number: rng_for(settings.seed, SEED_EVIDENCE, purpose, number),
        session,
    )


def _one_row(k: int | None, status: str, reason: str) -> pd.DataFrame:
    row = {
        "k": k,
        "is_elbow": False,
        "is_silhouette_best": False,
        "is_chosen": k is not None,
        "status": status,
        "reason": reason,
    }
    return typed_frame([row], SELECTION_SCHEMA)


def _choose(table: pd.DataFrame, settings: SegmentationSettings) -> pd.DataFrame:
    """Mark elbow, best silhouette and the chosen k, and say why in words."""
    ks = [int(k) for k in table["k"]]
    silhouette = {
        k: -1.0 if np.isnan(score) else float(score) for k, score in zip(ks, table["silhouette"], strict=True)
    }
    shares = dict(zip(ks, table["smallest_share"], strict=True))
    knee = elbow(ks, [float(inertia) for inertia in table["inertia"]])
    best = max(ks, key=lambda k: (silhouette[k], -k))

    def highest(among: list[int]) -> int:
        return max(among, key=lambda k: (silhouette[k], -k))

    large = [k for k in ks if shares[k] >= SMALLEST_SHARE]
    kinds = dict(zip(ks, [KINDS[0] if pd.isna(kind) else str(kind) for kind in table["kind"]], strict=True))
    if settings.k is not None:
        chosen = min(settings.k, ks[-1])
        why = f"k = {settings.k} was asked for"
        if chosen < settings.k:
            why += f", but only {chosen} customers differ from each other"
    elif settings.k_method == "elbow" and knee is not None:
        chosen, why = knee, "the elbow of the inertia curve"
    elif settings.k_method == "silhouette":
        chosen, why = best, "the highest silhouette of all"
    elif settings.k_method == "stability":
        jaccard = dict(zip(ks, table["minimum_jaccard"].fillna(-1.0), strict=True))
        among = [k for k in large if k >= 3] or large or ks
        chosen = max(among, key=lambda k: (jaccard[k], -k))
        why = f"its weakest segment is the most stable, with a Jaccard of {jaccard[chosen]:.2f}"
    else:
        # What is of the best kind; two segments only where no other number is of that kind.
        reached = max((KINDS.index(kinds[k]) for k in large), default=0)
        finest = [k for k in large if KINDS.index(kinds[k]) == reached]
        among = [k for k in finest if k >= 3] or finest or ks
        chosen = highest(among)
        if among == ks and not large:
            why = f"the highest silhouette; every k has a cluster below {SMALLEST_SHARE:.0%} of the customers"
        elif chosen == 2:
            why = (
                f"no k of 3 or more with all clusters above {SMALLEST_SHARE:.0%} of the customers is as good"
            )
        else:
            why = "the highest silhouette at k of 3 or more with no cluster below "
            why += f"{SMALLEST_SHARE:.0%} of the customers"
        if reached:
            why += f", among the {KINDS[reached]} ones"
        if (
            knee in among
            and knee != chosen
            and silhouette[knee] >= (1 - ELBOW_TOLERANCE) * silhouette[chosen]
        ):
            why = f"the elbow; its silhouette is within {ELBOW_TOLERANCE:.0%} of the highest, at k = {chosen}"
            why += f", and it is {KINDS[reached]} too" if reached else ""
            chosen = knee
        if settings.k_method == "elbow":
            why = f"the inertia curve has no elbow; {why}"
    if knee is None:
        why += "; the inertia curve has no elbow" if "no elbow" not in why else ""
    elif knee != best:
        why += f"; elbow (k = {knee}) and silhouette (k = {best}) disagree"
    else:
        why += "; elbow and silhouette agree" if chosen == knee else f"; both prefer k = {best}"

    def reason(k: int) -> str:
        if k == chosen:
            return f"chosen: {why}"
        if k not in large:
            return f"not chosen: its smallest cluster holds {shares[k]:.1%} of the customers"
        return "not chosen"

    return table.assign(
        is_elbow=[k == knee for k in ks],
        is_silhouette_best=[k == best for k in ks],
        is_chosen=[k == chosen for k in ks],
        reason=pd.Series([reason(k) for k in ks], dtype="str"),
    )


def fit_centroids(
    features: pd.DataFrame, selection: pd.DataFrame, settings: SegmentationSettings
) -> pd.DataFrame:
    """Make the base model for the chosen k: the scaler and the centroids, as one long table.

    Fitted on a hash sample of at most ``fit_sample_customers`` with ``n_init`` starts, then polished by
    Lloyd's algorithm on all customers until nothing moves. Clusters are numbered 1, 2, ... in the
    lexicographic order of their rounded centroids (first feature first), whatever the fit called them.

    Parameters
    ----------
    features
        As in `select_k`.
    selection
        What `select_k` returned.
    settings
        As in `select_k`.

    Returns
    -------
    pandas.DataFrame
        One row per cluster and feature. ``mean`` and ``scale`` (population standard deviation) are the
        scaler; ``centroid`` is in standard deviations, ``centroid_raw`` in the unit of the column;
        ``cluster_size`` counts customers, ``inertia`` is the sum of their squared distances. A constant
        feature is there with ``is_dropped``, a scale of 0 and a centroid of 0: scale it as
        ``case when scale > 0 then (value - mean) / scale else 0 end``. No rows when the selection's
        status is ``insufficient_data``.

    Raises
    ------
    ClusteringError
        When the selection does not have exactly one chosen k.
    DataValidationError
        As in `select_k`.

    Examples
    --------
    >>> frame = pd.DataFrame({"customer_id": list("abcd"), "rate": [0.0, 1.0, 8.0, 9.0]})
    >>> settings = SegmentationSettings(minimum_customers=4, k=2)
    >>> model = fit_centroids(frame, select_k(frame, settings), settings)
    >>> model[["cluster", "feature", "centroid_raw", "cluster_size"]].round(6).values.tolist()
    [[1, 'rate', 0.5, 2], [2, 'rate', 8.5, 2]]
    """
    require_columns(selection, ["k", "is_chosen", "status"], "The selection")
    if (selection["status"] == "insufficient_data").all():
        return typed_frame([], CENTROID_SCHEMA)
    chosen = selection.loc[selection["is_chosen"].astype(bool), "k"]
    if len(chosen) != 1:
        raise ClusteringError(
            f"The selection marks {len(chosen)} values of k as chosen; exactly one is needed. "
            "Pass what select_k returned."
        )
    k = int(chosen.iloc[0])
    frame = sorted_customers(features)
    names = feature_names(frame, settings)
    values = feature_matrix(frame, names)
    if not len(frame):
        raise ClusteringError("There are no customers, but the selection chose a k. Select k again.")
    scaler = fit_scaler(values)
    x = scaler.transform(values)
    with single_threaded_blas():
        centroids = _base_centroids(x, k, frame["customer_id"], settings)
        labels, distances = nearest_two(x, centroids)[:2]
    sizes = np.bincount(labels, minlength=len(centroids))
    # Fewer distinct customers in the sample than clusters: what nobody belongs to is no cluster.
    occupied = sizes > 0
    inertias = np.bincount(labels, weights=np.square(distances), minlength=len(centroids))[occupied]
    return centroid_table(names, scaler, centroids[occupied], sizes[occupied], np.round(inertias, 6))


def _base_centroids(x: Floats, k: int, customer_ids: pd.Series, settings: SegmentationSettings) -> Floats:
    """Find the rounded centroids in canonical order, fitted on a sample and polished on all rows."""
    if k == 1 or not x.shape[1]:
        return np.zeros((1, x.shape[1]))
    rows = sample_rows(customer_ids, settings.fit_sample_customers, settings.seed)
    start = fit_sample(x[rows], k, settings, finalists=settings.n_init).centroids
    centroids = rounded(lloyd(x, None, start).centroids)
    return centroids[np.lexsort(centroids.T[::-1])]


def centroid_table(
    names: list[str],
    scaler: Scaler,
    centroids: Floats,
    sizes: Ints,
    inertias: Floats,
) -> pd.DataFrame:
    """Lay out a model as the table that `fit_centroids` returns."""
    k, d = len(centroids), len(names)
    all_features = np.zeros((k, d))
    all_features[:, scaler.kept] = centroids
    dropped = ~scaler.kept
    return typed_frame(
        {
            "cluster": np.repeat(np.arange(1, k + 1), d),
            "feature": names * k,
            "mean": np.tile(scaler.mean, k),
            "scale": np.tile(scaler.scale, k),
            "is_dropped": np.tile(dropped, k),
            "drop_reason": [CONSTANT if is_dropped else None for is_dropped in dropped] * k,
            "centroid": all_features.ravel(),
            "centroid_raw": rounded(all_features * scaler.scale + scaler.mean).ravel(),
            "cluster_size": np.repeat(sizes, d),
            "inertia": np.repeat(inertias, d),
        },
        CENTROID_SCHEMA,
    )


class Model(NamedTuple):
    """The base model as arrays: names and scaler of all features, centroids (k, kept) in canonical order."""

    names: list[str]
    scaler: Scaler
    centroids: Floats
    clusters: list[int]

    @property
    def kept_names(self) -> list[str]:
        """Names of the features that vary."""
        return [name for name, kept in zip(self.names, self.scaler.kept, strict=True) if kept]


def read_model(centroids: pd.DataFrame) -> Model:
    """Read the long table of `fit_centroids`, in any order of its rows."""
    require_columns(centroids, ["cluster", "feature", "mean", "scale", "centroid"], "The centroid table")
    names = list(dict.fromkeys(centroids["feature"].astype(str)))
    clusters = sorted({int(cluster) for cluster in centroids["cluster"]})
    if len(centroids) != len(names) * len(clusters):
        raise DataValidationError(
            f"The centroid table has {len(centroids)} rows for {len(clusters)} clusters and {len(names)} "
            "features; it must hold one row per cluster and feature."
        )
    wide = centroids.pivot(index="cluster", columns="feature", values="centroid")
    first = centroids.drop_duplicates("feature").set_index("feature").loc[names]
    scaler = Scaler(first["mean"].to_numpy(dtype=np.float64), first["scale"].to_numpy(dtype=np.float64))
    points = wide.loc[clusters, names].to_numpy(dtype=np.float64)[:, scaler.kept]
    return Model(names, scaler, np.ascontiguousarray(points), clusters)


def nearest_two(x: Floats, centroids: Floats) -> tuple[Ints, Floats, Floats]:
    """Nearest cluster position, its distance and the next distance (infinite for one cluster).

    Distances are rounded before they are compared, so that a tie is a tie for every engine and goes to
    the lowest cluster.
    """
    n = len(x)
    labels, nearest, second = np.empty(n, dtype=np.int64), np.empty(n), np.empty(n)
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        # Differences, not products: near zero the products would lose the digits that are compared.
        apart = [x[part] - centroid for centroid in centroids]
        distances = rounded(np.sqrt([np.einsum("nd,nd->n", gaps, gaps) for gaps in apart]))
        columns = np.arange(distances.shape[1])
        labels[part] = distances.argmin(axis=0)
        nearest[part] = distances[labels[part], columns]
        distances[labels[part], columns] = np.inf
        second[part] = distances.min(axis=0)
    return labels, nearest, second


def assign(features: pd.DataFrame, centroids: pd.DataFrame) -> pd.DataFrame:
    """Give every customer to the nearest centroid.

    In the warehouse SQL does this from the same table; this is what that SQL is held to.

    Parameters
    ----------
    features
        As in `select_k`; the features of the model must be among the columns.
    centroids
        What `fit_centroids` returned.

    Returns
    -------
    pandas.DataFrame
        One row per customer, sorted by id: ``cluster``; ``distance`` and ``second_distance`` to the
        nearest and the next centroid (Euclidean, in standard deviations, rounded to 10 decimals before
        they are compared; a tie goes to the lowest cluster; the second is NULL for a single cluster);
        ``margin``, their difference; ``membership_score`` = 1 - distance / second_distance, from 0 (as near
        to the next) to 1 (on the centroid); ``is_boundary``: a score below .1.

    Raises
    ------
    DataValidationError
        When ids or features are not usable, or the centroid table is not one row per cluster and feature.

    Examples
    --------
    >>> frame = pd.DataFrame({"customer_id": list("abcd"), "rate": [0.0, 1.0, 8.0, 9.0]})
    >>> settings = SegmentationSettings(minimum_customers=4, k=2)
    >>> model = fit_centroids(frame, select_k(frame, settings), settings)
    >>> assign(frame, model)["cluster"].tolist()
    [1, 1, 2, 2]
    """
    frame = sorted_customers(features)
    if not len(centroids):
        return typed_frame([], ASSIGNMENT_SCHEMA)
    model = read_model(centroids)
    x = model.scaler.transform(feature_matrix(frame, model.names))
    labels, nearest, second = nearest_two(x, model.centroids)
    # Two centroids in one place: nobody belongs more to the one than to the other.
    score = 1.0 - np.divide(nearest, second, out=np.ones(len(x)), where=second > 0)
    only = len(model.centroids) == 1
    return typed_frame(
        {
            "customer_id": frame["customer_id"].astype("str"),
            "cluster": np.asarray(model.clusters, dtype=np.int64)[labels],
            "distance": nearest,
            "second_distance": np.nan if only else second,
            "margin": np.nan if only else rounded(second - nearest),
            "membership_score": rounded(score),
            "is_boundary": rounded(score) < BOUNDARY_SCORE,
        },
        ASSIGNMENT_SCHEMA,
    )
