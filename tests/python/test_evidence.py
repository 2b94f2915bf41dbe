"""Are there segments at all: the evidence against brute force, and on data with a known answer.

The laws without structure are drawn over and over; `SEGMENTRY_SETS` is how many of each (1 in `make test`).
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp, norm, spearmanr

from segmentry.agreement import pairs_together
from segmentry.clustering import fit_scaler, select_k
from segmentry.evidence import _bars, one_population, prediction_strength
from segmentry.settings import SegmentationSettings

SETS = int(os.environ.get("SEGMENTRY_SETS", "1"))
N, D = 500, 6
Draw = Callable[[np.random.Generator], np.ndarray]


def standardised(values: np.ndarray) -> np.ndarray:
    return fit_scaler(values).transform(values)


def customers(values: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(values, columns=[f"f{column}" for column in range(values.shape[1])])
    frame.insert(0, "customer_id", [f"c{number:05}" for number in range(len(values))])
    return frame


def gaussian(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(N, D))


def elongated(rng: np.random.Generator) -> np.ndarray:
    axes = np.linalg.qr(rng.normal(size=(D, D)))[0] * np.array([3.0] + [1.0] * (D - 1))
    return standardised(gaussian(rng) @ axes.T)


LAWS: dict[str, Draw] = {
    "gaussian": gaussian,
    "elongated": elongated,
    "elongated uniform": lambda rng: norm.cdf(elongated(rng)),
    "elongated lognormal": lambda rng: np.exp(elongated(rng)),
    "heavy tails": lambda rng: rng.standard_t(3, size=(N, D)),
    "square": lambda rng: rng.random((N, 2)),
    "counts of one population": lambda rng: np.log1p(rng.poisson(rng.gamma(1, 2, size=(N, 1)) * np.ones(D))),
}


@pytest.mark.parametrize("law", LAWS)
def test_structureless_data_is_constructive(law: str) -> None:
    """At most one set in twenty may be anything else."""
    kinds = []
    for number in range(SETS):
        values = LAWS[law](np.random.default_rng([number, len(law)]))
        settings = SegmentationSettings(seed=number, k_max=7)
        table = select_k(customers(values), settings)
        kinds.append(table.loc[table["is_chosen"], "kind"].iloc[0])
    assert "natural" not in kinds
    assert SETS - kinds.count("constructive") <= max(1, SETS // 20)


@pytest.mark.parametrize("seed", range(SETS))
def test_planted_clusters_are_natural(seed: int) -> None:
    rng = np.random.default_rng(seed)
    centres = np.vstack([np.eye(D), -np.eye(D)])[:5] * 6
    table = select_k(
        customers(centres[rng.integers(0, 5, N)] + rng.normal(size=(N, D))), SegmentationSettings()
    )
    row = table[table["is_chosen"]].iloc[0]
    assert (row["k"], row["kind"]) == (5, "natural")
    assert row["prediction_strength"] > 0.98
    assert row["minimum_jaccard"] > 0.99
    assert row["sample_silhouette"] > row["silhouette_bar"]


def test_the_kind_does_not_depend_on_the_order_of_rows() -> None:
    frame = customers(elongated(np.random.default_rng(1))[:300])
    settings = SegmentationSettings(k_max=4, null_replicates=3)
    table = select_k(frame, settings)
    pd.testing.assert_frame_equal(table, select_k(frame.sample(frac=1, random_state=2), settings))
    without = select_k(frame, settings.model_copy(update={"null_replicates": 0}))
    assert without["kind"].isna().all()


def test_both_nulls_have_to_be_exceeded() -> None:
    """Clusters that are there among shuffled customers too are no preferences of anybody."""
    rng = np.random.default_rng(3)

    def blobs(number: int) -> pd.DataFrame:
        rng = np.random.default_rng(number)
        return customers(np.eye(3)[rng.integers(0, 3, 300)] * 9 + rng.normal(size=(300, 3)))

    settings = SegmentationSettings(k_max=4, null_replicates=3)
    frame = blobs(0)
    alone = select_k(frame, settings).set_index("k")
    assert alone.loc[3, "kind"] == "natural"
    same = pd.concat([blobs(number).assign(replicate=number) for number in (1, 2, 3)])
    judged = select_k(frame, settings, same).set_index("k")
    assert judged.loc[3, "silhouette_bar"] > alone.loc[3, "silhouette_bar"]
    noise = pd.concat([customers(rng.normal(size=(300, 3))).assign(replicate=number) for number in (1, 2, 3)])
    assert select_k(frame, settings, noise).set_index("k").loc[3, "kind"] == "natural"


def test_prediction_strength_by_hand() -> None:
    # Cluster 1: 3 pairs of 10 and 1 of 10 stay together; cluster 2: 3 of 3.
    assert pairs_together(np.array([[3, 2], [0, 3], [1, 0]])).tolist() == [0.4, 1.0, 0.0]
    one_blob = np.random.default_rng(0).normal(size=(400, 2))
    assert prediction_strength(one_blob, 4, np.random.default_rng(1)) < 0.8
    assert prediction_strength(one_blob, 1, np.random.default_rng(1)) == 1.0


def test_one_population_keeps_laws_and_correlations() -> None:
    rng = np.random.default_rng(5)
    values = standardised(np.exp(elongated(rng)))
    drawn = one_population(values)(np.random.default_rng(6))
    assert drawn.shape == values.shape
    for column in range(D):
        assert ks_2samp(values[:, column], drawn[:, column]).statistic < 0.08
    assert np.abs(spearmanr(values).statistic - spearmanr(drawn).statistic).max() < 0.12


def test_one_population_has_one_hump() -> None:
    rng = np.random.default_rng(7)
    two = standardised(np.concatenate([rng.normal(-4, 1, 500), rng.normal(4, 1, 500)])[:, None])
    drawn = one_population(two)(np.random.default_rng(8))[:, 0]
    empty = np.abs(two[:, 0]) < 0.3
    assert empty.sum() == 0
    assert (np.abs(drawn) < 0.3).mean() > 0.05  # the gap is filled


def test_the_bars_are_exceeded_by_one_data_set_in_twenty() -> None:
    rng = np.random.default_rng(9)
    exceeded = []
    for _ in range(2000):
        drawn = rng.normal(size=(21, 2, 9)) * np.arange(1, 10) + np.arange(9)
        exceeded.append((drawn[0] > _bars(drawn[0], drawn[1:])).any())
    assert np.mean(exceeded) == pytest.approx(1 / 21, abs=3 * (0.05 * 0.95 / 2000) ** 0.5)
