"""How far each segment can be trusted: what remains of it when something changes.

Four kinds of change are kept apart, because they mean different things: other customers of the same kind
(bootstrap), one kind of information less (feature drop), other random starts (seed), another time
(windows). In each the clusters are fitted again *to convergence*, every customer is assigned, and a
segment scores the Jaccard overlap with the new cluster that resembles it most.

References
----------
Hennig, "Cluster-wise assessment of cluster stability", Comput. Stat. Data Anal. 52, 2007.
Hubert, Arabie, "Comparing partitions", J. Classification 2, 1985 (adjusted Rand index).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
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
    sorted_customers,
    typed_frame,
)
from segmentry._kmeans import (
    Anchor,
    Labels,
    assign,
    best_fit,
    lloyd,
    lloyd_batch,
    multi_start,
    plus_plus,
    single_threaded_blas,
)
from segmentry.agreement import adjusted_rand_index, contingency_table, jaccard_scores
from segmentry.clustering import Model, fit_scaler, nearest_two, read_model, refit_rows, rng_for
from segmentry.engines.fan_out import fan_out
from segmentry.exceptions import DataValidationError
from segmentry.settings import SegmentationSettings

__all__ = [
    "overall_robustness",
    "robustness_replicates",
    "summarise_replicates",
    "time_structure_replicates",
]

# Purposes in SeedSequence([seed, purpose, replicate]); clustering.py has 1.
SEED_BOOTSTRAP, SEED_FEATURE_DROP, SEED_STARTS, SEED_WINDOWS = 2, 3, 4, 5

DISSOLVED, RECOVERED = 0.5, 0.75  # Hennig: at most .5 a cluster is dissolved, above .75 it is found again
VERDICTS = ((0.85, "highly stable"), (0.75, "stable"), (0.6, "doubtful"), (0.0, "unstable"))
CONFIDENCE = ((0.75, "high"), (0.6, "medium"), (0.0, "low"))
ALL_VARIANTS = "all"
AVERAGED_TESTS = ("feature_drop", "time_structure", "time_migration")  # their score is the mean over variants
ALL_TESTS = ("bootstrap", "feature_drop", "time_structure", "seed", "time_migration")
DECIDING = {"bootstrap": "fixed_m", "feature_drop": ALL_VARIANTS, "time_structure": ALL_VARIANTS}
# Beyond so many times m, full n takes the sample's own solution as a second start only where it is another
# optimum: two ends of a flat one differ little there, and running both is most of the cost.
FULL_SEARCH = 10
SAME_OPTIMUM = 0.9  # adjusted Rand index
SAME_POLISH = 0.01  # standard deviations: a sample's solutions that are this near end at one optimum of all
SMALLEST_COVERAGE = 0.5  # a window with fewer of the customers says nothing about the segments

REPLICATE_SCHEMA: Schema = {
    "test": "str",
    "variant": "str",
    "replicate": "int64",
    "cluster": "int64",
    "score": "float64",
    "ari": "float64",
    "coverage": "float64",
    "reason": "str",
}
SUMMARY_SCHEMA: Schema = {
    "cluster": "int64",
    "test": "str",
    "variant": "str",
    "replicate_count": "int64",
    "mean": "float64",
    "sd": "float64",
    "mc_se": "float64",
    "q05": "float64",
    "q95": "float64",
    "dissolved_share": "float64",
    "recovered_share": "float64",
    "mean_ari": "float64",
    "coverage": "float64",
    "verdict": "str",
    "is_borderline": "bool",
    "is_deciding": "bool",
    "reason": "str",
}
OVERALL_SCHEMA: Schema = {
    "cluster": "int64",
    "overall_robustness": "float64",
    "weakest_test": "str",
    "verdict": "str",
    "confidence_level": "str",
    "bootstrap_score": "float64",
    "feature_drop_score": "float64",
    "time_structure_score": "float64",
    "worst_block": "str",
    "worst_block_score": "float64",
    "missing_tests": "str",
}

ONE_SEGMENT = "there is one segment only, so nothing can be exchanged"


class Base(NamedTuple):
    """The base model on its customers: everything that the tests compare with."""

    model: Model
    customer_ids: pd.Series
    anchor: Anchor
    sizes: Ints  # customers per cluster, (k,)
    sample: Ints  # rows on which refits start

    @property
    def x(self) -> Floats:
        """Standardised features, (n, d)."""
        return self.anchor.x

    @property
    def k(self) -> int:
        """Number of clusters."""
        return self.anchor.k


def _read_base(features: pd.DataFrame, centroids: pd.DataFrame, settings: SegmentationSettings) -> Base:
    frame = sorted_customers(features)
    # In the order of the settings: draws are numbered by it, and tables come in no order.
    places = {feature.name: place for place, feature in enumerate(settings.features)}
    model = read_model(centroids.sort_values("feature", key=lambda names: names.map(places), kind="stable"))
    x = model.scaler.transform(feature_matrix(frame, model.names))
    ids = frame["customer_id"].astype("str")
    anchor = Anchor(x, model.centroids)
    sizes = np.bincount(anchor.labels, minlength=anchor.k)
    return Base(model, ids, anchor, sizes, refit_rows(ids, settings))


def _rows(
    base: Base, test: str, variant: str, replicate: int, table: Ints | None, reason: str | None = None
) -> dict[str, Any]:
    """Make one replicate's rows as columns: scores of all clusters, or NULL and why."""
    scores = np.full(base.k, np.nan) if table is None else jaccard_scores(table)
    return {
        "test": test,
        "variant": variant,
        "replicate": replicate,
        "cluster": base.model.clusters,
        "score": scores,
        "ari": np.nan if table is None else adjusted_rand_index(table),
        "coverage": np.nan,
        "reason": [reason if np.isnan(score) else None for score in scores],
    }


def _replicate_frame(pieces: list[dict[str, Any]]) -> pd.DataFrame:
    if not pieces:
        return typed_frame([], REPLICATE_SCHEMA)
    columns = {
        name: np.concatenate([np.broadcast_to(piece[name], len(piece["cluster"])) for piece in pieces])
        for name in REPLICATE_SCHEMA
    }
    table = typed_frame(columns, REPLICATE_SCHEMA)
    return table.assign(**{name: table[name].round(10) for name in ("score", "ari", "coverage")})


def _like_anchor(anchor: Anchor, centroids: Floats) -> Floats:
    """Order centroids like the anchor's, where each has one of its own; else leave them."""
    apart = np.square(centroids[:, None, :] - anchor.centroids[None, :, :]).sum(axis=2)
    order = apart.argmin(axis=0)
    return centroids[order] if len(set(order.tolist())) == len(centroids) else centroids


def _compared(base: Base, centroids: Floats) -> Ints:
    """Compare the base labels with those of other centroids, over all customers."""
    k, anchor = base.k, base.anchor
    changes = anchor.changes(_like_anchor(anchor, centroids))
    if changes is None:
        return contingency_table(anchor.labels, assign(base.x, centroids), k, k)
    rows, labels, _ = changes
    before = anchor.labels[rows]
    kept = base.sizes - np.bincount(before, minlength=k)
    return np.diag(kept) + contingency_table(before, labels, k, k)


def robustness_replicates(
    features: pd.DataFrame, centroids: pd.DataFrame, settings: SegmentationSettings, session: Any = None
) -> pd.DataFrame:
    """Run the tests that need one table of features: bootstrap, feature drop and seed.

    Parameters
    ----------
    features
        The table that the base model was fitted on: ``customer_id`` and one column per feature.
    centroids
        What `fit_centroids` returned.
    settings
        ``bootstrap_replicates`` (B), ``bootstrap_fixed_customers`` (m), ``seed_replicates``, ``n_init``,
        ``seed``, the blocks of ``features``, and ``bootstrap_fpc`` (adds the variant ``fpc``, to compare
        with R).
    session
        Where replicates run, see `segmentry.engines.fan_out`; the result is the same everywhere.

    Returns
    -------
    pandas.DataFrame
        One row per test, variant, replicate and cluster. ``score``: best-overlap Jaccard of the cluster over
        all customers; ``ari`` of the whole replicate; ``reason`` where the score is NULL; ``coverage`` is
        NULL here. Tests and variants:

        - ``bootstrap``: customers drawn with replacement. ``fixed_m``: m = min(n, 20,000) draws, the best
          of ``n_init`` starts and the base solution. ``full_n``: n draws (the first m of them are those of
          ``fixed_m``), the better of the base solution and the best one found from the own starts on
          the first m draws, each run to convergence on all. Equal by construction where n is at most m.
          ``fpc``: the first m draws without copies, scored on the drawn rows only, as R's
          ``fpc::clusterboot`` does by default.
        - ``feature_drop``: all customers without one block, variant = the block.
        - ``seed``: all customers, one random start each (``single_start``).

        No rows when there is no model (insufficient data); NULL scores when it has one cluster.

    Raises
    ------
    DataValidationError
        When ids or features are not usable.

    Examples
    --------
    >>> from segmentry.clustering import fit_centroids, select_k
    >>> frame = pd.DataFrame({"customer_id": list("abcdef"), "rate": [0.0, 1, 2, 18, 19, 20]})
    >>> settings = SegmentationSettings(minimum_customers=4, k=2, bootstrap_replicates=5, seed_replicates=2)
    >>> model = fit_centroids(frame, select_k(frame, settings), settings)
    >>> sorted(set(robustness_replicates(frame, model, settings)["test"]))
    ['bootstrap', 'feature_drop', 'seed']
    """
    if not len(centroids):
        return typed_frame([], REPLICATE_SCHEMA)
    with single_threaded_blas():
        base = _read_base(features, centroids, settings)
    several = base.k > 1
    replicates = range(1, settings.bootstrap_replicates + 1 if several else 2)
    blocks = range(1, len(_blocks(base, settings)) + 1)
    tasks = [
        *((_bootstrap, [replicate]) for replicate in replicates),
        *((_feature_drops, [block]) for block in blocks),
        # Starts that end at one optimum share its polish.
        (_seeds, range(1, settings.seed_replicates + 1)),
    ]
    return fan_out(session, tasks, partial(_replicate, base, settings), REPLICATE_SCHEMA, "robustness tests")


def _replicate(base: Base, settings: SegmentationSettings, task: tuple[Any, Collection[int]]) -> pd.DataFrame:
    """Run one test with some numbers: of replicates, or of blocks that are left out."""
    test, numbers = task
    return _replicate_frame(list(test(base, settings, numbers)))


def _bootstrap(
    base: Base, settings: SegmentationSettings, replicates: Collection[int]
) -> Iterator[dict[str, Any]]:
    """Resample customers.

    Weights stand for the copies of drawn rows: the means are the same. Warm starts alone would flatter
    (they find their own optimum again), so both variants also search from the sample's own starts.
    """
    if base.k == 1:
        yield _rows(base, "bootstrap", "fixed_m", 1, None, ONE_SEGMENT)
        yield _rows(base, "bootstrap", "full_n", 1, None, ONE_SEGMENT)
        return
    n = len(base.x)
    m = min(n, settings.bootstrap_fixed_customers)
    for replicate in replicates:
        rng = rng_for(settings.seed, SEED_BOOTSTRAP, replicate)
        drawn = rng.integers(0, n, size=n)
        rows, counts = np.unique(drawn[:m], return_counts=True)
        x, weights = base.x[rows], counts.astype(np.float64)
        fits = multi_start(x, weights, base.k, settings.n_init, rng, warm=base.anchor.centroids)
        fixed = full = _compared(base, best_fit(fits).centroids)
        yield _rows(base, "bootstrap", "fixed_m", replicate, fixed)
        if n > m:
            weights = np.bincount(drawn, minlength=n).astype(np.float64)
            finals = [lloyd(base.x, weights, base.anchor.centroids, base.anchor)]
            found = best_fit(fits[1:]).centroids
            if n <= FULL_SEARCH * m or _differ(x, found, fits[0].centroids):
                finals.append(lloyd(base.x, weights, _like_anchor(base.anchor, found), base.anchor))
            full = _compared(base, best_fit(finals).centroids)
        yield _rows(base, "bootstrap", "full_n", replicate, full)
        if settings.bootstrap_fpc:
            yield _rows(base, "bootstrap", "fpc", replicate, _as_in_fpc(base, rows, settings, rng))


def _as_in_fpc(base: Base, rows: Ints, settings: SegmentationSettings, rng: np.random.Generator) -> Ints:
    """Compare as R's fpc::clusterboot does by default: drawn rows count once, the others not at all."""
    x = base.x[rows]
    fits = multi_start(x, np.ones(len(x)), base.k, settings.n_init, rng, warm=base.anchor.centroids)
    return contingency_table(base.anchor.labels[rows], assign(x, best_fit(fits).centroids), base.k, base.k)


def _differ(x: Floats, one: Floats, other: Floats) -> bool:
    """Tell whether two solutions are different optima, rather than two ends of one flat optimum."""
    k = len(one)
    return adjusted_rand_index(contingency_table(assign(x, one), assign(x, other), k, k)) < SAME_OPTIMUM


def _refit(
    x: Floats, k: int, rows: Ints, warm: Floats, settings: SegmentationSettings, rng: np.random.Generator
) -> Labels:
    """Label all rows by a fit of their own: on a sample, then polished on all, as the base model was."""
    start = best_fit(multi_start(x[rows], np.ones(len(rows)), k, settings.n_init, rng, warm=warm)).centroids
    return assign(x, lloyd(x, None, start).centroids)


def _blocks(base: Base, settings: SegmentationSettings) -> dict[str, list[bool]]:
    """Which features vary outside of each block."""
    named = {feature.name: feature.block for feature in settings.features}
    blocks = [named.get(name, name) for name in base.model.kept_names]
    return {block: [other != block for other in blocks] for block in dict.fromkeys(blocks)}


def _feature_drops(
    base: Base, settings: SegmentationSettings, numbers: Collection[int]
) -> Iterator[dict[str, Any]]:
    """Cluster without one block of features."""
    for number, (block, others) in enumerate(_blocks(base, settings).items(), start=1):
        if number not in numbers:
            continue
        kept: Bools = np.array(others)
        if base.k == 1 or not kept.any():
            reason = (
                ONE_SEGMENT if base.k == 1 else "there is one block of features only, so none can be left out"
            )
            yield _rows(base, "feature_drop", block, 1, None, reason)
            continue
        x = np.ascontiguousarray(base.x[:, kept])
        rng = rng_for(settings.seed, SEED_FEATURE_DROP, number)
        labels = _refit(x, base.k, base.sample, base.anchor.centroids[:, kept], settings, rng)
        table = contingency_table(base.anchor.labels, labels, base.k, base.k)
        yield _rows(base, "feature_drop", block, 1, table)


def _seeds(
    base: Base, settings: SegmentationSettings, replicates: Collection[int]
) -> Iterator[dict[str, Any]]:
    """Start from single random starts on the same customers."""
    if base.k == 1:
        yield _rows(base, "seed", "single_start", 1, None, ONE_SEGMENT)
        return
    x, weights = base.x[base.sample], np.ones(len(base.sample))
    starts = [
        plus_plus(x, weights, base.k, 1, rng_for(settings.seed, SEED_STARTS, replicate))
        for replicate in replicates
    ]
    compared: list[tuple[Floats, Ints]] = []  # many starts end at the same optimum of the sample
    fits = lloyd_batch(x, weights, np.concatenate(starts))
    for replicate, fit in zip(replicates, fits, strict=True):
        start = _like_anchor(base.anchor, fit.centroids)
        table = next((known for other, known in compared if np.abs(other - start).max() <= SAME_POLISH), None)
        if table is None:
            table = _compared(base, lloyd(base.x, None, start, base.anchor).centroids)
            compared.append((start, table))
        yield _rows(base, "seed", "single_start", replicate, table)


def time_structure_replicates(
    window_features: pd.DataFrame,
    features: pd.DataFrame,
    centroids: pd.DataFrame,
    settings: SegmentationSettings,
    session: Any = None,
) -> pd.DataFrame:
    """Run the tests in time: profiles rebuilt for other windows.

    Parameters
    ----------
    window_features
        One row per window and customer: ``window_id``, ``customer_id``, the same features.
    features, centroids, settings, session
        As in `robustness_replicates`.

    Returns
    -------
    pandas.DataFrame
        In the shape of `robustness_replicates`, variant = the window. ``time_structure``: the window's
        customers clustered anew (own scaler, same k), ``score`` = Jaccard over the customers of both.
        ``time_migration``: scaler and centroids frozen, ``score`` = share of the segment's customers that
        were in it then. ``coverage``: share of the segment's customers that the window has. A window with
        fewer than half of all customers, or fewer than ``minimum_customers``, has NULL scores and a reason;
        so has a segment of which the window has fewer than half.

    Raises
    ------
    DataValidationError
        When ids or features are not usable.

    Examples
    --------
    >>> from segmentry.clustering import fit_centroids, select_k
    >>> frame = pd.DataFrame({"customer_id": list("abcd"), "rate": [0.0, 1.0, 8.0, 9.0]})
    >>> settings = SegmentationSettings(minimum_customers=4, k=2)
    >>> model = fit_centroids(frame, select_k(frame, settings), settings)
    >>> earlier = frame.assign(window_id="before", rate=[0.0, 8.5, 8.0, 9.0])
    >>> moved = time_structure_replicates(earlier, frame, model, settings)
    >>> moved.loc[moved["test"] == "time_migration", "score"].tolist()
    [0.5, 1.0]
    """
    require_columns(window_features, ["window_id"], "The table of windows")
    if window_features["window_id"].isna().any():
        raise DataValidationError("The table of windows has rows without a window_id; every row needs one.")
    if not len(centroids):
        return typed_frame([], REPLICATE_SCHEMA)
    with single_threaded_blas():
        base = _read_base(features, centroids, settings)
    windows = window_features.groupby("window_id", sort=True)
    tasks = [(number, str(window), rows) for number, (window, rows) in enumerate(windows, start=1)]
    return fan_out(
        session, tasks, partial(_window_replicate, base, settings), REPLICATE_SCHEMA, "time windows"
    )


def _window_replicate(
    base: Base, settings: SegmentationSettings, task: tuple[int, str, pd.DataFrame]
) -> pd.DataFrame:
    number, window, rows = task
    return _replicate_frame(list(_window(base, window, number, rows, settings)))


def _window(
    base: Base, window: str, number: int, rows: pd.DataFrame, settings: SegmentationSettings
) -> Iterator[dict[str, Any]]:
    """Compare one window with the base."""
    then = sorted_customers(rows, f"The window {window}")
    position = pd.Index(base.customer_ids).get_indexer(pd.Index(then["customer_id"].astype("str")))
    both = position >= 0
    base_labels = base.anchor.labels[position[both]]
    coverage = np.bincount(base_labels, minlength=base.k) / np.maximum(
        np.bincount(base.anchor.labels, minlength=base.k), 1
    )
    share = int(both.sum()) / max(len(base.x), 1)

    reason = None
    if base.k == 1:
        reason = ONE_SEGMENT
    elif share < SMALLEST_COVERAGE:
        reason = f"the window has {share:.0%} of the customers, fewer than {SMALLEST_COVERAGE:.0%}"
    elif len(then) < settings.minimum_customers:
        reason = f"the window has {len(then)} customers, fewer than the {settings.minimum_customers} needed"
    structure = migration = None
    if reason is None:
        values = feature_matrix(then, base.model.names, f"The window {window}")
        frozen = nearest_two(base.model.scaler.transform(values), base.model.centroids)[0]
        migration = contingency_table(base_labels, frozen[both], base.k, base.k)
        refitted = _window_labels(base, then, values, number, settings)
        if refitted is None:
            reason = "in the window all customers have the same features"
        else:
            structure = contingency_table(base_labels, refitted[both], base.k, base.k)

    thin = coverage < SMALLEST_COVERAGE
    for_segment = f"the window has fewer than {SMALLEST_COVERAGE:.0%} of the segment's customers"

    def scored(test: str, table: Ints | None) -> dict[str, Any]:
        # New customers can't come back where they had not come yet: that is no instability.
        given = _rows(base, test, window, 1, table, reason or for_segment)
        score = np.where(thin, np.nan, given["score"])
        texts = [(reason or for_segment) if np.isnan(value) else None for value in score]
        return given | {"coverage": coverage, "score": score, "reason": texts}

    yield scored("time_structure", structure)
    moved = scored("time_migration", migration)
    if migration is not None:
        there = migration.sum(axis=1)
        stayed = np.diag(migration) / np.maximum(there, 1)
        moved["score"] = np.where((there > 0) & ~thin, stayed, np.nan)
    yield moved


def _window_labels(
    base: Base, then: pd.DataFrame, values: Floats, number: int, settings: SegmentationSettings
) -> Labels | None:
    """Cluster the window's customers on the features of the base model; None when they are all alike."""
    known = base.model.scaler.kept
    own = fit_scaler(values[:, known])
    if not own.kept.any():
        return None
    raw = base.anchor.centroids * base.model.scaler.scale[known] + base.model.scaler.mean[known]
    x = own.transform(values[:, known])
    rows = refit_rows(then["customer_id"], settings)
    rng = rng_for(settings.seed, SEED_WINDOWS, number)
    return _refit(x, base.k, rows, own.transform(raw), settings, rng)


def summarise_replicates(replicates: pd.DataFrame) -> pd.DataFrame:
    """Summarise the replicates per cluster, test and variant.

    Parameters
    ----------
    replicates
        What `robustness_replicates` and `time_structure_replicates` returned, stacked.

    Returns
    -------
    pandas.DataFrame
        ``replicate_count`` counts the scores that are there; ``mean``, ``sd`` (n - 1), ``q05``, ``q95`` are
        of these. ``mc_se`` = sd / sqrt(count) is the error of running so many replicates, no confidence
        interval; NULL where the variants are not random. ``dissolved_share``: scores of at most .5,
        ``recovered_share``: above .75. ``verdict``: 'unstable' below .60, 'doubtful' below .75, 'stable'
        below .85, 'highly stable' from there on; NULL for ``time_migration``, whose score is no Jaccard.
        ``is_borderline``: mean +/- 2 mc_se straddles one of these cuts. ``is_deciding``: the row enters
        `overall_robustness`. ``reason`` where the mean is NULL.
        For feature drop and windows the variant 'all' is the mean over variants.

    Raises
    ------
    DataValidationError
        When a column is missing.

    Examples
    --------
    >>> runs = pd.DataFrame({"test": "bootstrap", "variant": "fixed_m", "replicate": [1, 2], "cluster": 1,
    ...                      "score": [0.8, 1.0], "ari": 0.9, "coverage": None, "reason": None})
    >>> summarise_replicates(runs)[["mean", "verdict"]].values.tolist()
    [[0.9, 'highly stable']]
    """
    require_columns(replicates, REPLICATE_SCHEMA, "The table of replicates")
    given = replicates[list(REPLICATE_SCHEMA)].astype(dict(REPLICATE_SCHEMA))
    averaged = given[given["test"].isin(AVERAGED_TESTS)].assign(variant=ALL_VARIANTS)
    everything = pd.concat([given, averaged.astype({"variant": "str"})], ignore_index=True)
    rows = [
        {
            "cluster": cluster,
            "test": test,
            "variant": variant,
            "is_deciding": DECIDING.get(str(test)) == variant,
        }
        | _summary(group, str(test))
        for (cluster, test, variant), group in everything.groupby(["cluster", "test", "variant"], sort=True)
    ]
    return typed_frame(rows, SUMMARY_SCHEMA)


def _summary(group: pd.DataFrame, test: str) -> dict[str, Any]:
    scores = group["score"].dropna().to_numpy(dtype=np.float64)
    count = len(scores)
    coverage = group["coverage"].dropna()
    row: dict[str, Any] = {
        "replicate_count": count,
        "coverage": round(float(coverage.mean()), 6) if len(coverage) else None,
        "is_borderline": False,
    }
    if not count:
        reasons = group["reason"].dropna()
        return row | {"reason": "; ".join(dict.fromkeys(reasons)) or "no replicate has a score"}
    mean = round(float(scores.mean()), 6)
    sd = float(scores.std(ddof=1)) if count > 1 else None
    error = None if sd is None or test in AVERAGED_TESTS else sd / count**0.5
    cuts = [cut for cut, _ in VERDICTS[:-1]]
    aris = group["ari"].dropna()
    return row | {
        "mean": mean,
        "sd": None if sd is None else round(sd, 6),
        "mc_se": None if error is None else round(error, 6),
        "q05": round(float(np.quantile(scores, 0.05)), 6),
        "q95": round(float(np.quantile(scores, 0.95)), 6),
        "dissolved_share": round(float((scores <= DISSOLVED).mean()), 6),
        "recovered_share": round(float((scores > RECOVERED).mean()), 6),
        "mean_ari": round(float(aris.mean()), 6) if len(aris) else None,
        "verdict": None if test == "time_migration" else _level(mean, VERDICTS),
        "is_borderline": error is not None and any(abs(mean - cut) < 2 * error for cut in cuts),
    }


def _level(value: float, levels: tuple[tuple[float, str], ...]) -> str:
    return next(word for cut, word in levels if value >= cut)


def overall_robustness(summary: pd.DataFrame) -> pd.DataFrame:
    """Judge each cluster by the worst of the tests that decide.

    Parameters
    ----------
    summary
        What `summarise_replicates` returned.

    Returns
    -------
    pandas.DataFrame
        One row per cluster. ``overall_robustness`` = the smallest of the means of bootstrap (``fixed_m``),
        feature drop and time structure, as far as they ran; ``weakest_test`` names it,
        ``verdict`` says it in the words of `summarise_replicates`;
        ``confidence_level``: 'high' from .75, 'medium' from .6, 'low' below; all NULL when none ran.
        ``worst_block``: the block of features without which the cluster scores least. ``missing_tests``:
        the tests without a score, separated by commas, NULL when all ran: a test that did not run is
        never a 1. Seed, migration and full n are shown elsewhere and don't decide.

    Raises
    ------
    DataValidationError
        When a column is missing.

    Examples
    --------
    >>> runs = pd.DataFrame({"test": ["bootstrap", "feature_drop"], "variant": ["fixed_m", "value"],
    ...                      "replicate": 1, "cluster": 1, "score": [0.9, 0.7], "ari": 0.9,
    ...                      "coverage": None, "reason": None})
    >>> judged = overall_robustness(summarise_replicates(runs))
    >>> judged[["overall_robustness", "weakest_test", "confidence_level", "missing_tests"]].values.tolist()
    [[0.7, 'feature_drop', 'medium', 'time_structure, seed, time_migration']]
    """
    require_columns(summary, ["cluster", "test", "variant", "mean"], "The summary of replicates")
    rows = []
    for cluster, group in summary.groupby("cluster", sort=True):
        means = {
            (str(test), str(variant)): float(mean)
            for test, variant, mean in zip(group["test"], group["variant"], group["mean"], strict=True)
            if not pd.isna(mean)
        }
        deciding = {
            test: means[test, variant] for test, variant in DECIDING.items() if (test, variant) in means
        }
        blocks = {
            variant: mean
            for (test, variant), mean in means.items()
            if test == "feature_drop" and variant != ALL_VARIANTS
        }
        weakest = min(deciding, key=lambda test: deciding[test], default=None)
        worst = min(sorted(blocks), key=lambda block: blocks[block], default=None)
        ran = {test for test, _ in means}
        rows.append(
            {
                "cluster": cluster,
                "overall_robustness": None if weakest is None else deciding[weakest],
                "weakest_test": weakest,
                "verdict": None if weakest is None else _level(deciding[weakest], VERDICTS),
                "confidence_level": None if weakest is None else _level(deciding[weakest], CONFIDENCE),
                **{f"{test}_score": deciding.get(test) for test in DECIDING},
                "worst_block": worst,
                "worst_block_score": None if worst is None else blocks[worst],
                "missing_tests": ", ".join(test for test in ALL_TESTS if test not in ran) or None,
            }
        )
    return typed_frame(rows, OVERALL_SCHEMA)
