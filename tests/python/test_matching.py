"""Segment ids: a contract from run to run."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from segmentry.exceptions import DataValidationError
from segmentry.matching import match_segments

OVERLAP = ["cluster", "previous_segment_id", "shared_customers", "current_size", "previous_size"]


def clusters_of(members: dict[int, set[int]], value: dict[int, float] | None = None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cluster": list(members),
            "current_size": [len(who) for who in members.values()],
            "order_value": [float((value or {}).get(cluster, len(who))) for cluster, who in members.items()],
        }
    )


def overlap_of(
    members: dict[int, set[int]], previous: dict[str, set[int]], zeros: bool = False
) -> pd.DataFrame:
    rows = [
        (cluster, name, len(who & then), len(who), len(then))
        for cluster, who in members.items()
        for name, then in previous.items()
        if zeros or who & then
    ]
    return pd.DataFrame(rows, columns=OVERLAP)


def match(members, previous, last=9, **options) -> pd.DataFrame:
    table = match_segments(clusters_of(members), overlap_of(members, previous, zeros=True), last, **options)
    return table.set_index("segment_id")


def ids_by_cluster(table: pd.DataFrame) -> dict[int, str]:
    alive = table.dropna(subset=["cluster"])
    return dict(zip(alive["cluster"].astype(int), alive.index, strict=True))


def people(*ranges: tuple[int, int]) -> set[int]:
    return set(itertools.chain.from_iterable(range(*pair) for pair in ranges))


def test_first_run_goes_by_value() -> None:
    members = {1: people((0, 90)), 2: people((90, 100)), 3: people((100, 110))}
    table = match_segments(
        clusters_of(members, {1: 5.0, 2: 900.0, 3: 900.0}), pd.DataFrame(columns=OVERLAP)
    ).set_index("segment_id")
    assert ids_by_cluster(table) == {2: "S1", 3: "S2", 1: "S3"}
    assert set(table["matched_by"]) == {"first_run"}
    assert table[["match_score", "split_from", "merged_into", "previous_size"]].isna().all().all()


def test_ids_stay_with_the_people() -> None:
    previous = {"S1": people((0, 100)), "S2": people((100, 150)), "S7": people((150, 300))}
    members = {1: people((140, 300)), 2: people((0, 90)), 3: people((90, 140))}
    table = match(members, previous)
    assert ids_by_cluster(table) == {1: "S7", 2: "S1", 3: "S2"}
    assert table.loc["S2", "match_score"] == pytest.approx(40 / 60, abs=1e-6)
    assert table.loc["S1", ["current_size", "previous_size"]].tolist() == [90, 100]
    assert set(table["matched_by"]) == {"overlap"}


def test_the_total_decides_not_the_first_comer() -> None:
    # Greedy would give S1 to cluster 1 (.5) and leave cluster 2 (.49 with S1, nothing else) alone.
    overlap = pd.DataFrame(
        [(1, "S1", 100, 150, 150), (1, "S2", 50, 150, 60), (2, "S1", 50, 50, 150)], columns=OVERLAP
    )
    clusters = pd.DataFrame({"cluster": [1, 2], "current_size": [150, 50], "order_value": [1.0, 2.0]})
    assert ids_by_cluster(match_segments(clusters, overlap, 2).set_index("segment_id")) == {1: "S2", 2: "S1"}


def test_split() -> None:
    previous = {"S1": people((0, 100)), "S2": people((100, 200))}
    members = {1: people((0, 60)), 2: people((60, 100)), 3: people((100, 200))}
    table = match(members, previous, last=4)
    assert ids_by_cluster(table) == {1: "S1", 2: "S5", 3: "S2"}
    assert table.loc["S5", ["matched_by", "split_from"]].tolist() == ["new", "S1"]
    assert table.loc["S5", "match_score"] == pytest.approx(0.4)
    assert table["split_from"].notna().sum() == 1


def test_merge() -> None:
    previous = {"S1": people((0, 100)), "S2": people((100, 170)), "S3": people((170, 300))}
    members = {1: people((0, 160)), 2: people((160, 300))}
    table = match(members, previous)
    assert ids_by_cluster(table) == {1: "S1", 2: "S3"}
    retired = table.loc["S2"]
    assert (retired["matched_by"], retired["merged_into"], retired["previous_size"]) == ("retired", "S1", 70)
    assert pd.isna(retired["cluster"])
    assert table["merged_into"].notna().sum() == 1


def test_scattered_segments_have_no_heir_and_no_origin() -> None:
    previous = {"S1": people((0, 90)), "S2": people((90, 180)), "S3": people((180, 270))}
    members = {
        n: people(*((start + 30 * n, start + 30 * n + 30) for start in (0, 90, 180))) for n in range(3)
    }
    table = match(members, previous)
    assert sorted(ids_by_cluster(table).values()) == ["S10", "S11", "S12"]
    assert table[["split_from", "merged_into"]].isna().all().all()
    assert table.loc["S10", "match_score"] == pytest.approx(0.2)


@pytest.mark.parametrize(("shared", "kept"), [(29, False), (30, True)])
def test_threshold(shared: int, kept: bool) -> None:
    overlap = pd.DataFrame([(1, "S1", shared, shared, 100)], columns=OVERLAP)
    clusters = pd.DataFrame({"cluster": [1], "current_size": [shared], "order_value": [1.0]})
    table = match_segments(clusters, overlap, 1)
    assert ("S1" in set(table.loc[table["cluster"].notna(), "segment_id"])) == kept


def test_weak_pairs_cost_no_strong_pair_its_partner() -> None:
    # Together .29 + .29 beat .31 + 0: but neither .29 is a match, so .31 must stand.
    overlap = pd.DataFrame(
        [(1, "S1", 310, 1000, 310), (1, "S2", 290, 1000, 290), (2, "S1", 0, 10, 310)], columns=OVERLAP
    )
    clusters = pd.DataFrame({"cluster": [1, 2], "current_size": [1000, 10], "order_value": [1.0, 2.0]})
    assert ids_by_cluster(match_segments(clusters, overlap, 2).set_index("segment_id")) == {1: "S1", 2: "S3"}


def test_retired_ids_never_come_back() -> None:
    everyone = {1: people((0, 50)), 2: people((50, 100))}
    history: set[str] = set()
    previous: dict[str, set[int]] = {}
    last = 0
    for run in range(6):
        shifted = {n: {customer + 60 * run * (n - 1) for customer in who} for n, who in everyone.items()}
        table = match(shifted, previous, last)
        now = ids_by_cluster(table)
        fresh = set(now.values()) - set(previous)
        assert not fresh & history
        history |= set(now.values())
        last = max(int(name[1:]) for name in history)
        previous = {now[n]: who for n, who in shifted.items()}
    assert len(history) == 7  # S1 stays, the other half is somebody new in every run


@budget(max_examples=60, deadline=None)
@given(
    then=st.lists(st.integers(0, 3), min_size=40, max_size=40),
    now=st.lists(st.integers(0, 3), min_size=40, max_size=40),
    order=st.permutations(range(4)),
)
def test_against_all_pairings(then: list[int], now: list[int], order: list[int]) -> None:
    previous = {f"S{part + 1}": {c for c in range(40) if then[c] == part} for part in set(then)}
    members = {part + 1: {c for c in range(40) if now[c] == part} for part in set(now)}

    def jaccard(cluster: int, name: str) -> float:
        both = len(members[cluster] & previous[name])
        return both / len(members[cluster] | previous[name])

    best = 0.0
    names = [*previous, *[None] * len(members)]
    for pairing in itertools.permutations(names, len(members)):
        pairs = [(c, n) for c, n in zip(members, pairing, strict=True) if n is not None]
        best = max(best, sum(score for c, n in pairs if (score := jaccard(c, n)) >= 0.3))
    table = match_segments(clusters_of(members), overlap_of(members, previous), 4)
    matched = table[table["matched_by"] == "overlap"]
    assert matched["match_score"].sum() == pytest.approx(best, abs=1e-5)
    assert table["segment_id"].is_unique
    assert set(table["cluster"].dropna().astype(int)) == set(members)
    assert set(previous) <= set(table["segment_id"])
    for _, row in matched.iterrows():
        assert row["match_score"] == pytest.approx(jaccard(int(row["cluster"]), row["segment_id"]), abs=1e-6)

    shuffled = overlap_of(dict(sorted(members.items(), key=lambda item: order[item[0] - 1])), previous)
    again = match_segments(clusters_of(members).iloc[::-1], shuffled.iloc[::-1], 4)
    pd.testing.assert_frame_equal(table, again)


def centroid_frames() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    centroids = pd.DataFrame(
        {
            "cluster": [1, 1, 2, 2],
            "feature": ["rate", "fixed", "rate", "fixed"],
            "centroid_raw": [10.0, 1.0, 50.0, 1.0],
            "scale": [10.0, 0.0, 10.0, 0.0],
        }
    )
    previous = pd.DataFrame(
        {
            "previous_segment_id": ["S1", "S2", "S3"],
            "feature": "rate",
            "centroid_raw": [49.0, 13.0, 90.0],
        }
    )
    sizes = pd.DataFrame([(c, f"S{s}", 0, 10, 20) for c in (1, 2) for s in (1, 2, 3)], columns=OVERLAP)
    return centroids, previous, sizes


def test_centroids_decide_when_no_customer_is_shared() -> None:
    centroids, previous, sizes = centroid_frames()
    clusters = pd.DataFrame({"cluster": [1, 2], "current_size": [10, 10], "order_value": [1.0, 2.0]})
    table = match_segments(clusters, sizes, 3, centroids, previous).set_index("segment_id")
    assert ids_by_cluster(table) == {1: "S2", 2: "S1"}
    assert table.loc["S2", "match_score"] == pytest.approx(1 / 1.3, abs=1e-6)
    assert table["matched_by"].tolist() == ["centroid", "centroid", "retired"]
    far = previous.assign(centroid_raw=[-500.0, 13.0, 900.0])
    assert ids_by_cluster(match_segments(clusters, sizes, 3, centroids, far).set_index("segment_id")) == {
        1: "S2",
        2: "S4",
    }
    strange = previous.assign(feature="another")
    assert set(match_segments(clusters, sizes, 3, centroids, strange)["matched_by"]) == {"new", "retired"}
    one_shared = sizes.assign(shared_customers=[0, 0, 0, 0, 0, 1])
    assert set(match_segments(clusters, one_shared, 3, centroids, previous)["matched_by"]) == {
        "new",
        "retired",
    }


@pytest.mark.parametrize(
    ("change", "last", "words"),
    [
        ({"previous_segment_id": "S12"}, 9, "S12 exists"),
        ({"previous_segment_id": "7"}, 9, "'S' and a number"),
        ({"previous_segment_id": "S٣"}, 9, "'S' and a number"),
        ({"cluster": 5}, 9, "lacks"),
        ({"shared_customers": 11}, 9, "no more shared"),
    ],
)
def test_contradictions_are_refused(change: dict[str, object], last: int, words: str) -> None:
    overlap = pd.DataFrame([(1, "S1", 5, 10, 10)], columns=OVERLAP).assign(**change)
    clusters = pd.DataFrame({"cluster": [1], "current_size": [10], "order_value": [1.0]})
    with pytest.raises(DataValidationError, match=words):
        match_segments(clusters, overlap, last)


def test_a_cluster_given_twice_is_refused() -> None:
    clusters = pd.DataFrame({"cluster": [1, 1], "current_size": [10, 10], "order_value": [1.0, 1.0]})
    with pytest.raises(DataValidationError, match="twice"):
        match_segments(clusters, pd.DataFrame(columns=OVERLAP), 0)


def test_nothing_to_match() -> None:
    none = pd.DataFrame({"cluster": [], "current_size": [], "order_value": []})
    empty = match_segments(none, pd.DataFrame(columns=OVERLAP), 3)
    filled = match_segments(clusters_of({1: {1}}), pd.DataFrame(columns=OVERLAP), 0)
    assert len(empty) == 0
    assert (empty.dtypes == filled.dtypes).all()


def test_simulated_changes() -> None:
    """Drift, growth and churn keep every id with its people."""
    rng = np.random.default_rng(0)
    for _ in range(25):
        size = rng.integers(60, 200, 5)
        starts = np.cumsum([0, *size])
        previous = {f"S{n + 1}": people((starts[n], starts[n + 1])) for n in range(5)}
        members = {}
        for cluster, n in enumerate(rng.permutation(5), start=1):
            stay = {c for c in previous[f"S{n + 1}"] if rng.random() > 0.25}
            members[cluster] = (
                stay | {int(c) + 10_000 * cluster for c in range(int(rng.integers(0, 30)))},
                n,
            )
        table = match({c: who for c, (who, _) in members.items()}, previous)
        assert ids_by_cluster(table) == {c: f"S{n + 1}" for c, (_, n) in members.items()}
