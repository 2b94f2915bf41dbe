"""Robustness scores against brute force, recorded reference cases and data with a known answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from segmentry._kmeans import Anchor, assign, best_fit, lloyd, multi_start
from segmentry.agreement import adjusted_rand_index, contingency_table, jaccard_scores
from segmentry.clustering import assign as members_of
from segmentry.clustering import fit_centroids, select_k
from segmentry.exceptions import DataValidationError
from segmentry.robustness import (
    ALL_TESTS,
    REPLICATE_SCHEMA,
    overall_robustness,
    robustness_replicates,
    summarise_replicates,
    time_structure_replicates,
)
from segmentry.settings import Feature, SegmentationSettings

CLUSTERBOOT = Path(__file__).parents[3] / "shared" / "data" / "clusterboot"
QUICK = SegmentationSettings(bootstrap_replicates=20, seed_replicates=5)


def customers(values: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(values, columns=[f"f{column}" for column in range(values.shape[1])])
    frame.insert(0, "customer_id", [f"c{number:06}" for number in range(len(values))])
    return frame


def blobs(
    seed: int, n: int = 400, k: int = 4, d: int = 6, apart: float = 8.0
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    return np.vstack([np.eye(d), -np.eye(d)])[truth] * apart + rng.normal(size=(n, d)), truth


def fitted(
    values: np.ndarray, k: int, settings: SegmentationSettings = QUICK
) -> tuple[pd.DataFrame, pd.DataFrame]:
    frame = customers(values)
    fixed = settings.model_copy(update={"k": k, "k_min": k, "k_max": k})
    return frame, fit_centroids(frame, select_k(frame, fixed), settings)


def mean_scores(table: pd.DataFrame, test: str, variant: str) -> np.ndarray:
    chosen = table[(table["test"] == test) & (table["variant"] == variant)]
    assert len(chosen)
    return chosen.groupby("cluster")["score"].mean().to_numpy()


# Scores -------------------------------------------------------------------------------------------------


@budget(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=60))
def test_scores_by_brute_force(pairs: list[tuple[int, int]]) -> None:
    from sklearn.metrics import adjusted_rand_score

    base, other = (np.array(side, dtype=np.int8) for side in zip(*pairs, strict=True))
    table = contingency_table(base, other, 5, 4)
    sets = [{row for row in range(len(pairs)) if other[row] == label} for label in range(4)]
    for label, score in enumerate(jaccard_scores(table)):
        mine = {row for row in range(len(pairs)) if base[row] == label}
        if mine:
            assert score == pytest.approx(max(len(mine & theirs) / len(mine | theirs) for theirs in sets))
        else:
            assert np.isnan(score)
    assert adjusted_rand_index(table) == pytest.approx(adjusted_rand_score(base, other), abs=1e-12)


def test_rand_index_of_many_customers_does_not_overflow() -> None:
    table = np.array([[4_000_000, 0], [0, 6_000_000]])
    assert adjusted_rand_index(table) == 1.0
    assert adjusted_rand_index(table[:, ::-1]) == 1.0
    assert adjusted_rand_index(np.array([[4_000_000, 6_000_000]])) == pytest.approx(0.0, abs=1e-12)


# Reference cases of R's fpc::clusterboot ------------------------------------------------------------------

CASES = [
    ("iris_z_k3", "iris", 3, [0.005] * 3),
    ("blobs4_k4", "blobs4", 4, [0.005] * 4),
    # Four blobs cut into five: the two halves (clusters 2 and 4) have no structure.
    ("blobs4_k5", "blobs4", 5, [0.005, 0.02, 0.005, 0.02, 0.005]),
    ("overlap4_k4", "overlap4", 4, [0.005] * 4),
]


@pytest.mark.skipif(not CLUSTERBOOT.exists(), reason="needs the reference cases beside the project")
@pytest.mark.parametrize(("case", "data", "k", "tolerance"), CASES)
def test_reference_cases(case: str, data: str, k: int, tolerance: list[float]) -> None:
    x = pd.read_csv(CLUSTERBOOT / f"{data}.csv").iloc[:, :4].to_numpy(dtype=float)
    if data == "iris":
        x = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    base = (
        pd.read_csv(CLUSTERBOOT / f"clusterboot_{case}_base.csv").sort_values("row")["label"].to_numpy() - 1
    )
    samples = pd.read_csv(CLUSTERBOOT / f"clusterboot_{case}_samples.csv")
    recorded = pd.read_csv(CLUSTERBOOT / f"clusterboot_{case}_jaccard_by_replicate.csv").to_numpy()
    from_labels, refitted = [], []
    for replicate, drawn in samples.groupby("b"):
        rows = drawn["row"].to_numpy() - 1
        from_labels.append(jaccard_scores(contingency_table(base[rows], drawn["label"].to_numpy() - 1, k, k)))
        fits = multi_start(x[rows], np.ones(len(rows)), k, 25, np.random.default_rng(int(replicate)))
        labels = assign(x[rows], best_fit(fits).centroids)
        refitted.append(jaccard_scores(contingency_table(base[rows], labels, k, k)))
    assert len(from_labels) == len(recorded) == 100
    assert np.abs(np.array(from_labels) - recorded).max() < 1e-12
    apart = np.abs(np.mean(refitted, axis=0) - recorded.mean(axis=0))
    assert (apart < tolerance).all(), apart


@pytest.mark.skipif(not CLUSTERBOOT.exists(), reason="needs the reference cases beside the project")
def test_fpc_variant_has_the_means_of_fpc() -> None:
    summary = pd.read_csv(CLUSTERBOOT / "clusterboot_summary.csv")
    chosen = (summary["case"] == "iris_z_k3") & (summary["method"] == "clusterboot")
    reference = summary[chosen].sort_values("size")
    flowers = pd.read_csv(CLUSTERBOOT / "iris.csv").iloc[:, :4].to_numpy(dtype=float)
    frame, model = fitted(flowers, 3)
    table = robustness_replicates(frame, model, SegmentationSettings(seed_replicates=1, bootstrap_fpc=True))
    sizes = model.groupby("cluster")["cluster_size"].first()
    assert sorted(sizes) == reference["size"].tolist()
    ours = mean_scores(table, "bootstrap", "fpc")[np.argsort(sizes.to_numpy())]
    # The draws are our own, so both means carry the error of their 100 replicates.
    error = reference["sd"].to_numpy() / 10 * 2**0.5
    assert (np.abs(ours - reference["mean_jaccard"].to_numpy()) < 3 * error + 0.005).all()


# Data with a known answer -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_planted_segments_are_stable(seed: int) -> None:
    frame, model = fitted(blobs(seed)[0], 4)
    table = robustness_replicates(frame, model, QUICK)
    for test, variant in (("bootstrap", "fixed_m"), ("bootstrap", "full_n"), ("seed", "single_start")):
        worst = mean_scores(table, test, variant).min()
        assert worst >= (0.99 if test == "bootstrap" else 0.6)


@pytest.mark.parametrize(("d", "limit", "n"), [(6, 0.6, 1000), (10, 0.6, 1000), (2, 0.8, 1000)])
def test_a_round_blob_split_in_two_is_not_stable(d: int, limit: float, n: int) -> None:
    scores = []
    for seed in range(3):
        frame, model = fitted(np.random.default_rng(seed).normal(size=(n, d)), 2)
        scores.append(mean_scores(robustness_replicates(frame, model, QUICK), "bootstrap", "fixed_m"))
    assert np.mean(scores) <= limit


def test_only_the_halves_of_a_blob_are_unstable() -> None:
    """One round blob that k forces in two, beside two clusters that stand apart."""
    rng = np.random.default_rng(5)
    apart = 20.0 * np.array(
        [np.ones(6), np.tile([1.0, -1.0], 3)]
    )  # as far in each feature: the blob stays round
    sizes = (1200, 300, 300)
    values = np.repeat([np.zeros(6), *apart], sizes, axis=0) + rng.normal(size=(sum(sizes), 6))
    truth = np.repeat([0, 1, 2], sizes)
    frame, model = fitted(values, 4)
    members = members_of(frame, model).set_index("customer_id").loc[frame["customer_id"], "cluster"]
    halves, *others = (np.unique(members[truth == place]) for place in range(3))
    assert [len(halves), *map(len, others)] == [2, 1, 1]
    scores = mean_scores(robustness_replicates(frame, model, QUICK), "bootstrap", "fixed_m")
    assert scores[halves - 1].max() <= 0.65
    assert scores[np.concatenate(others) - 1].min() >= 0.99


def test_full_n_flatters_where_fixed_m_does_not() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(6000, 2)) * [1.0, 0.8]  # one cloud, cut in two
    settings = QUICK.model_copy(update={"bootstrap_fixed_customers": 200})
    frame, model = fitted(values, 2, settings)
    table = robustness_replicates(frame, model, settings)
    fixed, full = (mean_scores(table, "bootstrap", variant).mean() for variant in ("fixed_m", "full_n"))
    assert full > fixed + 0.05


def test_the_feature_that_carries_a_segment_is_named() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(600, 4))
    values[:300, 0] += 12.0  # the only structure
    values[:, 1] = values[:, 0] + rng.normal(scale=0.01, size=600)  # and its double
    names = ("f0", "f1", "f2", "f3")
    alone = QUICK.model_copy(update={"features": tuple(Feature(name=name) for name in names)})
    paired = QUICK.model_copy(
        update={"features": tuple(Feature(name=n, block="both" if n in "f0f1" else n) for n in names)}
    )
    frame, model = fitted(values, 2, alone)
    judged = {
        name: overall_robustness(summarise_replicates(robustness_replicates(frame, model, settings)))
        for name, settings in (("alone", alone), ("paired", paired))
    }
    assert (judged["alone"]["worst_block_score"] > 0.95).all()
    assert set(judged["paired"]["worst_block"]) == {"both"}
    assert (judged["paired"]["worst_block_score"] < 0.6).all()
    assert set(judged["paired"]["weakest_test"]) == {"feature_drop"}


# The exact methods --------------------------------------------------------------------------------------


def test_replicates_are_what_they_say() -> None:
    """The first replicate by hand: copies of rows instead of weights, scikit-learn instead of the engine."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    from segmentry.clustering import rng_for
    from segmentry.robustness import SEED_BOOTSTRAP

    values, _ = blobs(5, n=300, apart=3.0)
    frame, model = fitted(values, 4)
    table = robustness_replicates(frame, model, QUICK)
    x = (values - values.mean(axis=0)) / values.std(axis=0)
    base = members_of(frame, model)["cluster"].to_numpy()
    for replicate in (1, 2, 3):
        drawn = rng_for(QUICK.seed, SEED_BOOTSTRAP, replicate).integers(0, 300, size=300)
        with threadpool_limits(1):
            labels = KMeans(4, n_init=30, tol=0.0, random_state=0).fit(x[drawn]).predict(x)
        expected = [
            max(
                ((base == cluster) & (labels == other)).sum() / ((base == cluster) | (labels == other)).sum()
                for other in range(4)
            )
            for cluster in range(1, 5)
        ]
        ours = table[(table["variant"] == "full_n") & (table["replicate"] == replicate)]
        assert ours["score"].tolist() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("apart", [0.0, 2.0, 6.0])
def test_warm_fits_are_plain_weighted_fits(apart: float) -> None:
    """The anchored fit ends where plain weighted Lloyd, written out, goes no further, and as low."""
    rng = np.random.default_rng(1)
    x = blobs(2, n=5000, apart=apart)[0]
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    base = lloyd(x, None, x[:4])
    anchor = Anchor(x, base.centroids)
    for _ in range(3):
        weights = np.bincount(rng.integers(0, 5000, 5000), minlength=5000).astype(float)

        def step(centroids: np.ndarray, weights: np.ndarray = weights) -> tuple[np.ndarray, float]:
            squares = np.square(x[:, None, :] - centroids).sum(axis=2)
            labels = squares.argmin(axis=1)
            means = [np.average(x[labels == j], axis=0, weights=weights[labels == j]) for j in range(4)]
            return np.array(means), float(weights @ squares.min(axis=1))

        warm = lloyd(x, weights, base.centroids, anchor)
        assert np.abs(step(warm.centroids)[0] - warm.centroids).max() < 1e-10
        centroids, moved = base.centroids, np.inf
        while moved > 1e-12:
            means, inertia = step(centroids)
            centroids, moved = means, np.abs(means - centroids).max()
        assert warm.inertia <= inertia * 1.0005
        if apart == 6.0:
            assert np.abs(warm.centroids - centroids).max() < 1e-10


def test_both_bootstraps_coincide_up_to_m() -> None:
    frame, model = fitted(np.random.default_rng(0).normal(size=(300, 3)), 3)
    table = robustness_replicates(frame, model, QUICK)
    fixed, full = (table[table["variant"] == name]["score"].tolist() for name in ("fixed_m", "full_n"))
    assert fixed == full
    assert 0.2 < np.mean(fixed) < 1.0


def test_shape_of_the_replicates() -> None:
    frame, model = fitted(blobs(0)[0], 4)
    table = robustness_replicates(frame, model, QUICK.model_copy(update={"bootstrap_fpc": True}))
    counts = table.groupby(["test", "variant"])["replicate"].nunique().to_dict()
    assert counts == {
        ("bootstrap", "fixed_m"): 20,
        ("bootstrap", "full_n"): 20,
        ("bootstrap", "fpc"): 20,
        ("seed", "single_start"): 5,
        **{("feature_drop", f"f{column}"): 1 for column in range(6)},
    }
    assert not table.duplicated(["test", "variant", "replicate", "cluster"]).any()
    assert table["score"].between(0, 1).all()
    assert table["reason"].isna().all()
    assert table.dtypes.astype(str).to_dict() == dict(REPLICATE_SCHEMA)
    unknown = table[table["test"] == "seed"]["score"]
    assert unknown.max() > 0.99


# What could not run is NULL -----------------------------------------------------------------------------


def test_one_segment_has_no_scores() -> None:
    frame = customers(np.full((60, 2), 3.0))
    model = fit_centroids(frame, select_k(frame, QUICK), QUICK)
    table = robustness_replicates(frame, model, QUICK)
    assert set(table["test"]) == {"bootstrap", "seed"}  # no feature is left that could be dropped
    assert table["score"].isna().all()
    assert table["reason"].str.contains("one segment").all()
    judged = overall_robustness(summarise_replicates(table))
    assert judged[["overall_robustness", "weakest_test", "confidence_level"]].isna().all().all()
    assert judged["missing_tests"].tolist() == [", ".join(ALL_TESTS)]


def test_one_block_can_t_be_dropped() -> None:
    settings = QUICK.model_copy(
        update={"features": tuple(Feature(name=f"f{n}", block="all") for n in range(6))}
    )
    frame, model = fitted(blobs(0)[0], 4, settings)
    dropped = robustness_replicates(frame, model, settings).query("test == 'feature_drop'")
    assert dropped["score"].isna().all()
    assert dropped["reason"].str.contains("one block").all()


def test_no_model_no_rows() -> None:
    frame = customers(np.random.default_rng(0).normal(size=(10, 2)))
    model = fit_centroids(frame, select_k(frame, QUICK), QUICK)
    windows = frame.assign(window_id="w")
    for table in (
        robustness_replicates(frame, model, QUICK),
        time_structure_replicates(windows, frame, model, QUICK),
    ):
        assert len(table) == 0
        assert table.dtypes.astype(str).to_dict() == dict(REPLICATE_SCHEMA)
        summary = summarise_replicates(table)
        assert len(summary) == len(overall_robustness(summary)) == 0


def test_tables_come_in_any_order() -> None:
    settings = QUICK.model_copy(
        update={"features": tuple(Feature(name=f"f{n}", block=f"block {n}") for n in range(6))}
    )
    # Without structure: what a block's random starts find depends on which draws it gets.
    frame, model = fitted(np.random.default_rng(1).normal(size=(300, 6)), 4, settings)
    expected = robustness_replicates(frame, model, settings)
    for seed in range(3):
        mixed = model.sample(frac=1, random_state=seed)
        found = robustness_replicates(frame.sample(frac=1, random_state=seed), mixed, settings)
        pd.testing.assert_frame_equal(found, expected)


# Windows ------------------------------------------------------------------------------------------------


def windows_case() -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    values, _ = blobs(9)
    frame, model = fitted(values, 4)
    return frame, model, members_of(frame, model)["cluster"].to_numpy()


def test_an_equal_window_scores_one() -> None:
    frame, model, _ = windows_case()
    table = time_structure_replicates(frame.assign(window_id="same").iloc[::-1], frame, model, QUICK)
    assert table["score"].eq(1).all()
    assert table["ari"].eq(1).all()
    assert table["coverage"].eq(1).all()
    assert sorted(set(table["test"])) == ["time_migration", "time_structure"]


def test_structure_and_migration_are_told_apart() -> None:
    frame, model, _ = windows_case()
    # Everybody had much more of one feature: the groups are the same, the frozen borders are not.
    moved = frame.assign(window_id="w", f0=frame["f0"] + 60)
    table = time_structure_replicates(moved, frame, model, QUICK)
    assert table[table["test"] == "time_structure"]["score"].min() > 0.99
    assert table[table["test"] == "time_migration"]["score"].min() < 0.5


def test_migration_by_hand() -> None:
    frame, model, base = windows_case()
    then = frame.copy()
    leavers = np.flatnonzero(base == 2)[:13]
    goal = frame.loc[base == 3].iloc[0]
    features = [f"f{n}" for n in range(6)]
    then.loc[leavers, features] = goal[features].to_numpy(dtype=float)
    gone = np.flatnonzero(base == 1)[:5]
    extra = then.iloc[[0]].assign(customer_id="not a customer any more")
    window = pd.concat([then.drop(index=gone), extra], ignore_index=True).assign(window_id="w")
    table = time_structure_replicates(window, frame, model, QUICK)
    migration = table[table["test"] == "time_migration"].set_index("cluster")
    sizes = np.bincount(base)
    assert migration.loc[2, "score"] == pytest.approx(1 - 13 / sizes[2])
    assert migration.loc[[1, 3, 4], "score"].tolist() == [1, 1, 1]
    assert migration.loc[1, "coverage"] == pytest.approx(1 - 5 / sizes[1])
    structure = table[table["test"] == "time_structure"].set_index("cluster")
    assert structure.loc[2, "score"] == pytest.approx(1 - 13 / sizes[2])
    assert structure.loc[3, "score"] == pytest.approx(sizes[3] / (sizes[3] + 13))


@pytest.mark.parametrize(("kept", "scored"), [(199, False), (200, True)])
def test_windows_with_too_few_of_the_customers_are_null(kept: int, scored: bool) -> None:
    frame, model, _ = windows_case()
    window = frame.sample(kept, random_state=0).assign(window_id="w")
    table = time_structure_replicates(window, frame, model, QUICK)
    assert table["score"].notna().any() == scored
    if not scored:
        assert table["reason"].str.contains("fewer than 50%").all()
        assert table["coverage"].between(0.3, 0.7).all()


def test_windows_below_the_minimum_are_null() -> None:
    frame, model, _ = windows_case()
    settings = QUICK.model_copy(update={"minimum_customers": 500})
    table = time_structure_replicates(frame.assign(window_id="w"), frame, model, settings)
    assert table["score"].isna().all()
    assert table["reason"].str.contains("400 customers, fewer than the 500").all()


def test_one_segment_has_no_windows() -> None:
    frame = customers(np.full((60, 2), 3.0))
    model = fit_centroids(frame, select_k(frame, QUICK), QUICK)
    table = time_structure_replicates(frame.assign(window_id="w"), frame, model, QUICK)
    assert table["score"].isna().all()
    assert table["reason"].str.contains("one segment").all()


def test_segments_that_the_window_lacks_are_null() -> None:
    frame, model, base = windows_case()
    newcomers = base == 4
    window = frame[~newcomers].assign(window_id="w")
    table = time_structure_replicates(window, frame, model, QUICK).set_index(["test", "cluster"])
    for test in ("time_structure", "time_migration"):
        assert pd.isna(table.loc[(test, 4), "score"])
        assert "segment's customers" in table.loc[(test, 4), "reason"]
        assert table.loc[test]["score"].notna().sum() == 3


def test_a_window_of_equals_is_null() -> None:
    frame, model, _ = windows_case()
    window = frame.assign(window_id="w", **{f"f{n}": 1.0 for n in range(6)})
    structure = time_structure_replicates(window, frame, model, QUICK).query("test == 'time_structure'")
    assert structure["score"].isna().all()
    assert structure["reason"].str.contains("same features").all()


def test_windows_are_checked() -> None:
    frame, model, _ = windows_case()
    with pytest.raises(DataValidationError, match="window_id"):
        time_structure_replicates(frame, frame, model, QUICK)
    with pytest.raises(DataValidationError, match="without a window_id"):
        time_structure_replicates(frame.assign(window_id=None), frame, model, QUICK)
    twice = pd.concat([frame, frame]).assign(window_id="w")
    with pytest.raises(DataValidationError, match="twice"):
        time_structure_replicates(twice, frame, model, QUICK)


# Summaries ----------------------------------------------------------------------------------------------


def runs(test: str, variant: str, scores: list[float | None], cluster: int = 1) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "test": test,
            "variant": variant,
            "replicate": range(1, len(scores) + 1),
            "cluster": cluster,
            "score": scores,
            "ari": scores,
            "coverage": None,
            "reason": [None if score is not None else "no" for score in scores],
        }
    ).astype(dict(REPLICATE_SCHEMA))


def summary_row(frame: pd.DataFrame) -> pd.Series:
    table = summarise_replicates(frame)
    return table[table["variant"] == frame["variant"].iloc[0]].iloc[0]


def test_summary_by_hand() -> None:
    import statistics

    scores = [0.5, 0.75, 0.76, 0.9, 0.4, 1.0]
    row = summary_row(runs("bootstrap", "fixed_m", scores))
    assert row["replicate_count"] == 6
    assert row["mean"] == pytest.approx(statistics.fmean(scores), abs=1e-6)
    assert row["sd"] == pytest.approx(statistics.stdev(scores), abs=1e-6)
    assert row["mc_se"] == pytest.approx(statistics.stdev(scores) / 6**0.5, abs=1e-6)
    assert row["dissolved_share"] == pytest.approx(2 / 6, abs=1e-6)
    assert row["recovered_share"] == pytest.approx(3 / 6, abs=1e-6)
    assert row["q05"] == pytest.approx(0.425)
    assert row["q95"] == pytest.approx(0.975)


@pytest.mark.parametrize(
    ("score", "verdict", "confidence"),
    [
        (0.0, "unstable", "low"),
        (0.599999, "unstable", "low"),
        (0.6, "doubtful", "medium"),
        (0.749999, "doubtful", "medium"),
        (0.75, "stable", "high"),
        (0.849999, "stable", "high"),
        (0.85, "highly stable", "high"),
        (1.0, "highly stable", "high"),
    ],
)
def test_cuts(score: float, verdict: str, confidence: str) -> None:
    frame = runs("bootstrap", "fixed_m", [score, score])
    assert summary_row(frame)["verdict"] == verdict
    judged = overall_robustness(summarise_replicates(frame))
    assert judged["confidence_level"].tolist() == [confidence]


@pytest.mark.parametrize(
    ("scores", "borderline"),
    [([0.74, 0.78], True), ([0.76, 0.76], False), ([0.9, 1.0], False), ([0.76], False), ([0.5, 0.66], True)],
)
def test_borderline(scores: list[float], borderline: bool) -> None:
    assert summary_row(runs("bootstrap", "fixed_m", scores))["is_borderline"] == borderline


def test_nulls_are_never_ones() -> None:
    row = summary_row(runs("time_structure", "w1", [None]))
    assert row["replicate_count"] == 0
    assert row[["mean", "sd", "verdict", "dissolved_share", "recovered_share"]].isna().all()
    assert row["reason"] == "no"
    table = pd.concat(
        [
            runs("bootstrap", "fixed_m", [0.9, 0.8]),
            runs("time_structure", "w1", [None]),
            runs("time_structure", "w2", [0.7]),
        ]
    )
    summary = summarise_replicates(table).set_index(["test", "variant"])
    assert summary.loc[("time_structure", "all"), "mean"] == 0.7
    judged = overall_robustness(summary.reset_index()).iloc[0]
    assert judged["overall_robustness"] == 0.7
    assert judged["weakest_test"] == "time_structure"
    assert judged["missing_tests"] == "feature_drop, seed, time_migration"


def test_only_the_deciding_tests_decide() -> None:
    table = pd.concat(
        [
            runs("bootstrap", "fixed_m", [0.8, 0.8]),
            runs("bootstrap", "full_n", [0.1, 0.1]),
            runs("seed", "single_start", [0.1, 0.1]),
            runs("time_migration", "w", [0.1]),
            runs("feature_drop", "value", [0.7]),
            runs("feature_drop", "time", [0.95]),
            runs("time_structure", "w", [0.9]),
        ]
    )
    judged = overall_robustness(summarise_replicates(table.sample(frac=1, random_state=0))).iloc[0]
    assert judged["overall_robustness"] == 0.8
    assert judged["weakest_test"] == "bootstrap"
    assert judged["feature_drop_score"] == pytest.approx(0.825)
    assert (judged["worst_block"], judged["worst_block_score"]) == ("value", 0.7)
    assert pd.isna(judged["missing_tests"])
    migration = summarise_replicates(table).query("test == 'time_migration'")
    assert migration["verdict"].isna().all()


# Same input, same bytes ---------------------------------------------------------------------------------


def test_row_order_and_threads_change_nothing() -> None:
    from threadpoolctl import threadpool_limits

    settings = QUICK.model_copy(
        update={"bootstrap_fixed_customers": 300, "fit_sample_customers": 300, "bootstrap_replicates": 5}
    )
    frame, model = fitted(np.random.default_rng(2).normal(size=(2000, 5)), 4, settings)
    windows = frame.iloc[:1500].assign(window_id="w")
    results = []
    for threads, seed in ((1, 0), (2, 1)):
        order = np.random.default_rng(seed).permutation(len(frame))
        with threadpool_limits(threads):
            shuffled = (
                frame.iloc[order],
                model.sample(frac=1, random_state=seed).sort_values("feature", kind="stable"),
            )
            results.append(
                pd.concat(
                    [
                        robustness_replicates(*shuffled, settings),
                        time_structure_replicates(windows.iloc[order[order < 1500]], *shuffled, settings),
                    ]
                )
            )
    pd.testing.assert_frame_equal(*results, check_exact=True)
    other = robustness_replicates(frame, model, settings.model_copy(update={"seed": 7}))
    assert other["score"].tolist() != results[0]["score"].tolist()[: len(other)]
