"""k selection, base model and assignment against independent computations."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from compiled import run
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from segmentry._frames import sample_rows
from segmentry._kmeans import Anchor, best_fit, lloyd, lloyd_batch, multi_start, plus_plus
from segmentry._kmeans import assign as nearest_centroid
from segmentry.clustering import assign, fit_centroids, select_k, silhouettes
from segmentry.exceptions import ClusteringError, ConfigurationError, DataValidationError
from segmentry.project import declared_vars
from segmentry.settings import Feature, SegmentationSettings


def customers(values: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(values, columns=[f"f{column}" for column in range(values.shape[1])])
    frame.insert(0, "customer_id", [f"c{number:06}" for number in range(len(values))])
    return frame


def blobs(
    seed: int, n: int = 600, k: int = 5, d: int = 6, apart: float = 9.0
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    directions = np.vstack([np.eye(d), -np.eye(d)])[:k]
    truth = rng.choice(k, n, p=np.arange(1, k + 1) / np.arange(1, k + 1).sum())
    return directions[truth] * apart + rng.normal(size=(n, d)), truth


def model_of(frame: pd.DataFrame, settings: SegmentationSettings) -> tuple[pd.DataFrame, pd.DataFrame]:
    selection = select_k(frame, settings)
    return selection, fit_centroids(frame, selection, settings)


def chosen_k(selection: pd.DataFrame) -> int:
    (k,) = selection.loc[selection["is_chosen"], "k"]
    return int(k)


# The engine ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [60, 3000])
def test_weights_are_copies(n: int) -> None:
    rng = np.random.default_rng(n)
    x, start = rng.normal(size=(n, 3)), rng.normal(size=(4, 3))
    weights = rng.integers(0, 4, n)
    copies = np.repeat(x, weights, axis=0)
    (weighted,) = lloyd_batch(x, weights.astype(float), start[None])
    (copied,) = lloyd_batch(copies, np.ones(len(copies)), start[None])
    assert np.abs(weighted.centroids - copied.centroids).max() < 1e-12
    assert weighted.inertia == pytest.approx(copied.inertia, rel=1e-12)


@budget(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), k=st.integers(1, 7), d=st.integers(1, 6), spread=st.floats(0.0, 4.0))
def test_anchored_lloyd_is_plain_lloyd(seed: int, k: int, d: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(500, d)) + spread * rng.integers(0, 3, size=(500, 1))
    weights = rng.poisson(1.0, 500).astype(float)
    anchor = Anchor(x, x[rng.choice(500, k, replace=False)])
    start = anchor.centroids + rng.normal(scale=0.2, size=(k, d))
    (plain,) = lloyd_batch(x, weights, start[None])
    anchored = lloyd(x, weights, start, anchor)
    assert np.abs(plain.centroids - anchored.centroids).max() < 1e-9
    assert plain.inertia == pytest.approx(anchored.inertia, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("apart", [0.0, 2.5, 6.0])
def test_lloyd_ends_where_sklearn_stays(apart: float) -> None:
    """Momentum finds another of the many optima of overlapping clusters, but a real one, and as good."""
    from sklearn.cluster import KMeans

    x, _ = blobs(3, apart=apart)
    plain = KMeans(5, init=x[:5], n_init=1, tol=0.0, max_iter=1000).fit(x)
    ours = lloyd(x, None, x[:5])
    assert ours.inertia <= plain.inertia_ * 1.001
    peer = KMeans(5, init=ours.centroids, n_init=1, tol=0.0, max_iter=1000).fit(x)
    assert np.abs(peer.cluster_centers_ - ours.centroids).max() < 1e-9
    assert peer.inertia_ == pytest.approx(ours.inertia, rel=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_multi_start_is_no_worse_than_sklearn(seed: int) -> None:
    from sklearn.cluster import KMeans

    x = np.random.default_rng(seed).normal(size=(400, 4))  # no structure: the most optima
    peer = KMeans(6, n_init=10, tol=0.0, random_state=seed).fit(x)
    ours = best_fit(multi_start(x, np.ones(len(x)), 6, 10, np.random.default_rng(seed)))
    assert ours.inertia <= peer.inertia_ * 1.002


def test_multi_start_on_many_rows() -> None:
    from sklearn.cluster import KMeans

    x, _ = blobs(0, n=9000, apart=3.0)  # beyond one chunk: finalists run with anchors
    weights = np.random.default_rng(0).integers(0, 3, len(x)).astype(float)
    warm = x[:5]
    fits = multi_start(x, weights, 5, 4, np.random.default_rng(0), warm=warm)
    assert np.array_equal(fits[0].centroids, lloyd(x, weights, warm).centroids)
    peer = KMeans(5, n_init=10, tol=0.0, random_state=0).fit(x, sample_weight=weights)
    assert best_fit(fits).inertia == pytest.approx(peer.inertia_, rel=1e-6)


def test_starts_are_rows_with_weight() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 2))
    weights = (rng.random(50) < 0.3).astype(float)
    starts = plus_plus(x, weights, 4, 30, rng)
    allowed = {tuple(row) for row in x[weights > 0]}
    assert all(tuple(point) in allowed for point in starts.reshape(-1, 2))
    assert all(len({tuple(point) for point in start}) == 4 for start in starts)


def test_anchor_relabels_exactly() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(2000, 3))
    anchor = Anchor(x, x[:6])
    for scale in (0.0, 1e-6, 0.01, 0.3, 5.0):
        other = anchor.centroids + rng.normal(scale=scale, size=(6, 3))
        changes = anchor.changes(other)
        assert (changes is None) == (scale > 0.1)
        if changes:
            labels = anchor.labels.copy()
            labels[changes[0]] = changes[1]
            assert (labels == nearest_centroid(x, other)).all()
    near, far = anchor.changes(anchor.centroids + 0.01), anchor.changes(anchor.centroids + 5.0)
    assert near is not None
    assert 0 < near[2] < 400
    assert far is None


@pytest.mark.parametrize("k", [2, 5])
def test_silhouettes_equal_sklearn(k: int) -> None:
    from sklearn.metrics import silhouette_score

    rng = np.random.default_rng(k)
    x = rng.normal(size=(1500, 3))  # more than one block of rows
    labellings = [rng.integers(0, k, 1500), (x[:, 0] > 0).astype(np.int64), np.r_[0, np.ones(1499, np.int64)]]
    expected = [silhouette_score(x, labels) for labels in labellings]
    assert silhouettes(x, labellings) == pytest.approx(expected, abs=1e-9)
    assert np.isnan(silhouettes(x, [np.zeros(1500, np.int64)])[0])


def test_samples_are_drawn_by_a_hash_of_the_id() -> None:
    ids = pd.Series(["b", "a", "ü", "007"], dtype="str")
    digest = {name: hashlib.md5(f"42:{name}".encode()).hexdigest() for name in ids}
    assert [ids[row] for row in sample_rows(ids, 4, 42)] == sorted(ids, key=lambda name: digest[name][:16])
    many = pd.Series([f"c{number}" for number in range(1000)], dtype="str")
    sample = set(many[sample_rows(many, 100, 1)])
    fewer = many[many.str.endswith("7")].reset_index(drop=True)  # what remains keeps its order
    assert {name for name in sample if name.endswith("7")} <= set(fewer[sample_rows(fewer, len(sample), 1)])
    assert sample != set(many[sample_rows(many, 100, 2)])


# k ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_planted_clusters_are_found(seed: int) -> None:
    from sklearn.metrics import adjusted_rand_score

    values, truth = blobs(seed)
    frame = customers(values)
    selection, model = model_of(frame, SegmentationSettings())
    assert chosen_k(selection) == 5
    assert adjusted_rand_score(truth, assign(frame, model)["cluster"]) > 0.99


def test_selection_table() -> None:
    from sklearn.cluster import KMeans

    values, truth = blobs(1)
    table = select_k(customers(values), SegmentationSettings(k_min=3, k_max=8))
    assert table["k"].tolist() == [3, 4, 5, 6, 7, 8]
    assert table["is_chosen"].sum() == 1
    assert table["is_silhouette_best"].sum() == 1
    assert table["is_elbow"].sum() <= 1
    assert table["inertia"].is_monotonic_decreasing
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    peer = KMeans(5, n_init=10, tol=0.0, random_state=0).fit(standard)
    row = table.set_index("k").loc[5]
    assert row["inertia"] == pytest.approx(peer.inertia_, rel=1e-6)
    assert row["smallest_share"] == pytest.approx(np.bincount(truth).min() / len(truth), abs=0.01)
    assert set(table["status"]) == {"ok"}


def choose(
    silhouettes_by_k: dict[int, float],
    inertias: list[float],
    shares: list[float],
    kinds: Sequence[str | None] = (None,),
    jaccards: Sequence[float] = (0.5,),
    **options: object,
) -> pd.DataFrame:
    from segmentry._frames import typed_frame
    from segmentry.clustering import SELECTION_SCHEMA, _choose

    ks = list(silhouettes_by_k)
    table = typed_frame(
        {
            "k": ks,
            "inertia": inertias,
            "silhouette": list(silhouettes_by_k.values()),
            "smallest_share": shares,
            "is_elbow": False,
            "is_silhouette_best": False,
            "minimum_jaccard": list(jaccards) * (len(ks) // len(jaccards)),
            "kind": list(kinds) * (len(ks) // len(kinds)),
            "is_chosen": False,
            "status": "ok",
            "reason": "",
        },
        SELECTION_SCHEMA,
    )
    return _choose(table, SegmentationSettings(**options)).set_index("k")


BENT_AT_4 = [100.0, 60.0, 20.0, 18.0, 16.5]


@pytest.mark.parametrize(
    ("scores", "shares", "options", "expected", "words"),
    [
        ([0.6, 0.3, 0.5, 0.4, 0.2], [0.1] * 5, {}, 4, "highest silhouette at k of 3 or more"),
        ([0.6, 0.3, 0.46, 0.5, 0.2], [0.1] * 5, {}, 4, "within 10%"),
        ([0.6, 0.3, 0.44, 0.5, 0.2], [0.1] * 5, {}, 5, "disagree"),
        ([0.6, 0.3, 0.5, 0.4, 0.2], [0.1, 0.1, 0.009, 0.1, 0.1], {}, 5, "highest silhouette"),
        ([0.6, 0.3, 0.5, 0.4, 0.2], [0.1, 0.0, 0.0, 0.0, 0.0], {}, 2, "no k of 3 or more"),
        ([0.6, 0.3, 0.5, 0.4, 0.2], [0.0] * 5, {}, 2, "every k has a cluster below"),
        ([0.6, 0.3, 0.5, 0.4, 0.2], [0.1] * 5, {"k_method": "silhouette"}, 2, "disagree"),
        ([0.6, 0.3, 0.2, 0.4, 0.2], [0.1] * 5, {"k_method": "elbow"}, 4, "elbow"),
        ([0.6, 0.3, 0.2, 0.4, 0.2], [0.1] * 5, {"k": 6}, 6, "asked for"),
        ([0.5, 0.4, 0.4, 0.4, 0.4], [0.1] * 5, {}, 4, "elbow"),
    ],
)
def test_rule(
    scores: list[float], shares: list[float], options: dict[str, object], expected: int, words: str
) -> None:
    table = choose(dict(zip(range(2, 7), scores, strict=True)), BENT_AT_4, shares, **options)
    assert table.index[table["is_chosen"]].tolist() == [expected]
    assert words in table.loc[expected, "reason"]
    assert table.index[table["is_elbow"]].tolist() == [4]


@pytest.mark.parametrize(
    ("kinds", "shares", "expected", "words"),
    [
        ("cnccn", [0.1] * 5, 3, "natural"),  # the better silhouette of the natural ones, not of all
        ("crccn", [0.1] * 5, 6, "natural"),  # natural beats reproducible
        ("ncccc", [0.1] * 5, 2, "no k of 3 or more"),  # two, because nothing else is natural
        ("crrcc", [0.1] * 5, 4, "reproducible"),
        ("cccnc", [0.1, 0.1, 0.1, 0.001, 0.1], 4, "highest silhouette"),  # too small a cluster
    ],
)
def test_the_best_kind_comes_first(kinds: str, shares: list[float], expected: int, words: str) -> None:
    spelled = {"n": "natural", "r": "reproducible", "c": "constructive"}
    scores = dict(zip(range(2, 7), [0.6, 0.3, 0.5, 0.45, 0.2], strict=True))
    table = choose(scores, BENT_AT_4, shares, kinds=[spelled[letter] for letter in kinds])
    assert table.index[table["is_chosen"]].tolist() == [expected]
    assert words in table.loc[expected, "reason"]


def test_the_most_stable_k() -> None:
    scores = dict(zip(range(2, 7), [0.6, 0.3, 0.5, 0.45, 0.2], strict=True))
    stable = {"jaccards": [0.99, 0.6, 0.7, 0.9, 0.8], "k_method": "stability"}
    table = choose(scores, BENT_AT_4, [0.1] * 5, **stable)
    assert table.index[table["is_chosen"]].tolist() == [5]
    assert "0.90" in table.loc[5, "reason"]


def test_small_clusters_are_named_as_the_reason() -> None:
    table = choose(dict(zip(range(2, 7), [0.3] * 5, strict=True)), BENT_AT_4, [0.1, 0.1, 0.1, 0.1, 0.004])
    assert "0.4%" in table.loc[6, "reason"]


def test_no_elbow_falls_back() -> None:
    straight = [100.0, 80.0, 60.0, 40.0, 20.0]
    table = choose(
        dict(zip(range(2, 7), [0.1, 0.3, 0.2, 0.2, 0.2], strict=True)), straight, [0.1] * 5, k_method="elbow"
    )
    assert not table["is_elbow"].any()
    assert table.index[table["is_chosen"]].tolist() == [3]
    assert "no elbow" in table.loc[3, "reason"]


# Edge cases ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 49])
def test_too_few_customers(n: int) -> None:
    frame = customers(np.random.default_rng(0).normal(size=(n, 2)))
    selection, model = model_of(frame, SegmentationSettings())
    assert len(selection) == 1
    assert selection["status"].tolist() == ["insufficient_data"]
    assert selection["k"].isna().all()
    assert str(n) in selection["reason"][0]
    enough = customers(np.random.default_rng(0).normal(size=(60, 2)))
    full_selection, full = model_of(enough, SegmentationSettings())
    for empty, filled in (
        (selection, full_selection),
        (model, full),
        (assign(frame, model), assign(enough, full)),
    ):
        assert (empty.dtypes == filled.dtypes).all()
    assert len(model) == 0
    assert len(assign(frame, model)) == 0


def test_identical_customers() -> None:
    frame = customers(np.full((80, 3), 7.5))
    selection, model = model_of(frame, SegmentationSettings())
    assert selection[["k", "status"]].values.tolist() == [[1, "single_segment"]]
    assert model["is_dropped"].all()
    assert model["drop_reason"].notna().all()
    assert model["centroid_raw"].tolist() == [7.5] * 3
    assert model["cluster_size"].tolist() == [80] * 3
    members = assign(frame, model)
    assert members["cluster"].tolist() == [1] * 80
    assert members["distance"].eq(0).all()
    assert members["second_distance"].isna().all()
    assert not members["is_boundary"].any()


@pytest.mark.parametrize("distinct", [2, 3, 6])
def test_no_more_clusters_than_distinct_customers(distinct: int) -> None:
    values = np.tile(np.arange(distinct, dtype=float)[:, None] ** 2, (20, 2))
    frame = customers(values)
    settings = SegmentationSettings(minimum_customers=10)
    selection, _ = model_of(frame, settings)
    assert selection["k"].tolist() == list(range(2, distinct + 1))
    fixed = select_k(frame, settings.model_copy(update={"k": 9}))
    assert chosen_k(fixed) == distinct
    assert f"only {distinct} customers differ" in fixed.loc[fixed["is_chosen"], "reason"].iloc[0]
    model = fit_centroids(frame, fixed, settings)
    assert model["cluster"].nunique() == distinct
    assert model["inertia"].eq(0).all()


def test_empty_clusters_are_left_out() -> None:
    # The sample of 100 holds fewer distinct customers than the selection says there are.
    frame = customers(np.r_[np.zeros((4000, 1)), np.ones((4000, 1)), [[2.0]]])
    settings = SegmentationSettings(fit_sample_customers=100, k=3)
    selection = pd.DataFrame({"k": [3], "is_chosen": [True], "status": ["ok"]})
    model = fit_centroids(frame, selection, settings)
    assert model["cluster"].tolist() == list(range(1, len(model) + 1))
    assert (model["cluster_size"] > 0).all()
    assert model["cluster_size"].sum() == len(frame)


def test_constant_feature_is_dropped_and_recorded() -> None:
    values, _ = blobs(2)
    with_constant = customers(np.column_stack([values[:, :3], np.full(len(values), 1e6 / 3), values[:, 3:]]))
    selection, model = model_of(with_constant, SegmentationSettings())
    dropped = model[model["is_dropped"]]
    assert set(dropped["feature"]) == {"f3"}
    assert dropped[["scale", "centroid"]].eq(0).all().all()
    _, without = model_of(customers(values), SegmentationSettings())
    assert chosen_k(selection) == 5
    assert model.loc[~model["is_dropped"], "centroid"].tolist() == without["centroid"].tolist()
    assert (
        assign(with_constant, model)["cluster"].tolist()
        == assign(customers(values), without)["cluster"].tolist()
    )


def test_one_whale_does_not_become_the_choice() -> None:
    values, _ = blobs(4, n=400)
    values[17] = 500.0
    selection, _ = model_of(customers(values), SegmentationSettings())
    chosen = selection[selection["is_chosen"]].iloc[0]
    possible = selection["smallest_share"].ge(0.01).any()
    assert (chosen["smallest_share"] >= 0.01) == possible
    assert ("every k has a cluster below" in chosen["reason"]) == (not possible)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop(columns="customer_id"), "lacks the column"),
        (lambda f: f.assign(customer_id=None), "without a customer_id"),
        (lambda f: f.assign(customer_id="same"), "occurs twice"),
        (lambda f: f.assign(f0=np.nan), "missing or infinite"),
        (lambda f: f.assign(f1=np.inf), "f1"),
        (lambda f: f.assign(f1="text"), "not numeric"),
        (lambda f: f[["customer_id"]], "no feature"),
    ],
)
def test_unusable_input_is_refused(change, words: str) -> None:
    frame = change(customers(np.random.default_rng(0).normal(size=(60, 2))))
    with pytest.raises(DataValidationError, match=words):
        select_k(frame, SegmentationSettings())


def test_rare_customers_count_as_distinct_even_outside_the_sample() -> None:
    values = np.zeros((5000, 1))
    values[::1000, 0] = [1.0, 2.0, 3.0, 4.0, 5.0]
    selection = select_k(customers(values), SegmentationSettings(fit_sample_customers=100))
    assert selection["k"].tolist() == [2, 3, 4, 5, 6]


def test_a_model_needs_its_rows_and_its_customers() -> None:
    frame = customers(np.random.default_rng(0).normal(size=(60, 2)))
    selection, model = model_of(frame, SegmentationSettings())
    with pytest.raises(DataValidationError, match="one row per cluster and feature"):
        assign(frame, model.iloc[1:])
    with pytest.raises(ClusteringError, match="no customers"):
        fit_centroids(frame.iloc[:0], selection, SegmentationSettings())


def test_the_selection_must_have_one_choice() -> None:
    frame = customers(np.random.default_rng(0).normal(size=(60, 2)))
    selection = select_k(frame, SegmentationSettings())
    for chosen in (False, True):
        with pytest.raises(ClusteringError, match="exactly one"):
            fit_centroids(frame, selection.assign(is_chosen=chosen), SegmentationSettings())


def test_features_come_from_the_settings() -> None:
    values, _ = blobs(6)
    frame = customers(values).assign(run_id="r1", noise=np.arange(len(values)))
    settings = SegmentationSettings(features=tuple(Feature(name=f"f{column}") for column in range(6)))
    _, model = model_of(frame, settings)
    _, plain = model_of(customers(values), SegmentationSettings())
    pd.testing.assert_frame_equal(model, plain)


# The base model -----------------------------------------------------------------------------------------


def test_scaler_and_centroids_are_means() -> None:
    values, _ = blobs(7)
    frame = customers(values)
    _, model = model_of(frame, SegmentationSettings())
    members = assign(frame, model)["cluster"].to_numpy()
    for (cluster, feature), row in model.set_index(["cluster", "feature"]).iterrows():
        column = frame[feature].to_numpy()
        assert row["mean"] == pytest.approx(column.mean(), abs=1e-9)
        assert row["scale"] == pytest.approx(column.std(ddof=0), abs=1e-9)
        assert row["centroid_raw"] == pytest.approx(column[members == cluster].mean(), abs=1e-8)
        assert row["cluster_size"] == (members == cluster).sum()
    distances = assign(frame, model)["distance"]
    for cluster, part in model.groupby("cluster"):
        within = np.square(distances[members == cluster]).sum()
        assert part["inertia"].iloc[0] == pytest.approx(within, abs=1e-5)


def test_labels_are_canonical() -> None:
    values, _ = blobs(8)
    _, model = model_of(customers(values), SegmentationSettings())
    rows = model.pivot(index="cluster", columns="feature", values="centroid").values.tolist()
    assert rows == sorted(rows)


def test_sample_and_polish_ends_at_the_optimum_of_all_rows() -> None:
    values, _ = blobs(9, n=3000, apart=4.0)
    frame = customers(values)
    options = {"k": 5, "k_min": 5, "k_max": 5}
    _, whole = model_of(frame, SegmentationSettings(**options))
    _, sampled = model_of(frame, SegmentationSettings(fit_sample_customers=300, **options))
    assert np.abs(whole["centroid"] - sampled["centroid"]).max() < 1e-8


def test_assignment_by_hand() -> None:
    values, _ = blobs(10, n=200, apart=2.0)
    frame = customers(values)
    _, model = model_of(frame, SegmentationSettings(k=4))
    wide = model.pivot(index="cluster", columns="feature", values="centroid")
    scaler = model.drop_duplicates("feature").set_index("feature")
    members = assign(frame, model).set_index("customer_id")
    for _, row in frame.iterrows():
        point = [(row[name] - scaler.at[name, "mean"]) / scaler.at[name, "scale"] for name in wide.columns]
        apart = sorted(
            (float(np.linalg.norm(point - centre)), cluster) for cluster, centre in wide.iterrows()
        )
        got = members.loc[row["customer_id"]]
        assert got["cluster"] == apart[0][1]
        assert got["distance"] == pytest.approx(apart[0][0], abs=1e-9)
        assert got["margin"] == pytest.approx(apart[1][0] - apart[0][0], abs=1e-9)
        assert got["membership_score"] == pytest.approx(1 - apart[0][0] / apart[1][0], abs=1e-9)
        assert got["is_boundary"] == (got["membership_score"] < 0.1)


def test_ties_go_to_the_lowest_cluster() -> None:
    frame = customers(np.array([[0.0], [2.0]]))
    model = fit_centroids(
        frame,
        pd.DataFrame({"k": [2], "is_chosen": [True], "status": ["ok"]}),
        SegmentationSettings(minimum_customers=2),
    )
    middle = assign(customers(np.array([[1.0]])), model)
    assert middle[["cluster", "margin", "membership_score", "is_boundary"]].values.tolist() == [
        [1, 0, 0, True]
    ]


# Same input, same bytes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_row_order_changes_nothing(seed: int) -> None:
    frame = customers(np.random.default_rng(0).normal(size=(700, 4)))
    settings = SegmentationSettings(k_max=5, fit_sample_customers=200)
    selection, model = model_of(frame, settings)
    shuffled = frame.sample(frac=1, random_state=seed)
    again, same = model_of(shuffled, settings)
    pd.testing.assert_frame_equal(selection, again, check_exact=True)
    pd.testing.assert_frame_equal(model, same, check_exact=True)
    pd.testing.assert_frame_equal(
        assign(frame, model), assign(shuffled, same.sample(frac=1, random_state=2)), check_exact=True
    )


def test_threads_change_nothing() -> None:
    from threadpoolctl import threadpool_limits

    frame = customers(np.random.default_rng(1).normal(size=(3000, 5)))
    settings = SegmentationSettings(k_max=6)
    results = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            results.append(model_of(frame, settings))
    for one, two in zip(*results, strict=True):
        pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_the_seed_draws_the_sample() -> None:
    frame = customers(np.random.default_rng(1).normal(size=(2000, 3)))
    one, other = (
        select_k(frame, SegmentationSettings(seed=seed, fit_sample_customers=200, k_max=4)) for seed in (1, 2)
    )
    assert one["inertia"].tolist() != other["inertia"].tolist()


# Settings -----------------------------------------------------------------------------------------------


def test_settings_from_dbt_meta() -> None:
    meta = {
        "segmentry_k": "None",
        "segmentry_k_method": "elbow",
        "segmentry_seed": "7",
        "segmentry_features": '[{"name": "recency_days", "block": "lifecycle", "transform": "log1p"}]',
    }
    settings = SegmentationSettings.from_meta(meta)
    assert (settings.k, settings.k_method, settings.seed) == (None, "elbow", 7)
    assert settings.features == (Feature(name="recency_days", block="lifecycle", transform="log1p"),)
    assert SegmentationSettings.from_meta({"k": 4}).k == 4
    assert SegmentationSettings.from_meta({}) == SegmentationSettings()


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        ({"segmentry_seeed": 1}, "segmentry_seeed"),
        ({"segmentry_k": 1}, "segmentry_k"),
        ({"segmentry_k_min": 6, "segmentry_k_max": 3}, "k_min is 6"),
        ({"segmentry_features": [{"name": "a"}, {"name": "a"}]}, "named twice: a"),
        ({"segmentry_features": "not json"}, "segmentry_features"),
        ({"segmentry_k_method": "best"}, "segmentry_k_method"),
    ],
)
def test_wrong_settings_are_refused(meta: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        SegmentationSettings.from_meta(meta)


def test_settings_are_frozen() -> None:
    from pydantic import ValidationError

    with pytest.raises(ValidationError):
        SegmentationSettings().seed = 1  # type: ignore[misc]


# What Python reads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [42, 7])
def test_sql_samples_the_customers_that_python_would(seed: int) -> None:
    """By the same hash, so that samples drawn in Python from this one are those drawn from all customers."""
    names = [feature["name"] for feature in declared_vars()["segmentry_features"]]
    rows = np.random.default_rng(seed).normal(size=(300, len(names)))
    features = pd.DataFrame(rows, columns=names)
    features.insert(0, "customer_id", [f"č{number}" for number in range(300)])
    tables = {}
    for limit in (0, 40, 1000):
        found = run(
            ["int_segmentry__features_sampled"],
            {"int_segmentry__features_transformed": features.sample(frac=1, random_state=seed)},
            {"segmentry_model_customers": limit, "segmentry_seed": seed},
        )["int_segmentry__features_sampled"]
        tables[limit] = found.sort_values("customer_id", ignore_index=True)
    everybody = features.sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(tables[0], everybody, check_dtype=False)
    pd.testing.assert_frame_equal(tables[1000], everybody, check_dtype=False)
    drawn = np.sort(sample_rows(everybody["customer_id"], 40, seed))
    pd.testing.assert_frame_equal(tables[40], everybody.iloc[drawn].reset_index(drop=True), check_dtype=False)
