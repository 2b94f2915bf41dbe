"""Are the planted archetypes found: events of the generator through the project's SQL, clustered, against the truth.

`SEGMENTRY_SETS` is the number of seeds (1 in `make test`, 20 in `make test-deep`).
"""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from compiled import run
from sklearn.metrics import adjusted_rand_score

from segmentry.clustering import assign, fit_centroids, select_k
from segmentry.robustness import time_structure_replicates
from segmentry.settings import SegmentationSettings
from segmentry.synthetic import Dataset, generate_dataset

SETS = int(os.environ.get("SEGMENTRY_SETS", "1"))
FEATURES = "int_segmentry__features_transformed"
WINDOW_FEATURES = "int_segmentry__window_features_transformed"
# From where on a segment is no longer unstable.
DOUBTFUL = 0.60


class Outcome(NamedTuple):
    """What one seed gives: agreement of five segments and of the chosen k with the truth, the kind that five are, each one's mean over the windows."""

    five: float
    chosen: float
    kind: str
    windows: list[float]


def features_of(events: pd.DataFrame, id_history: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    rates = pa.table({"currency": ["EUR", "GBP", "USD"], "rate": [1.0, 1.17, 0.92]})
    inputs = {
        "segmentry_demo_events": events.astype("str").where(events.notna(), None),
        "segmentry_demo_id_history": id_history.astype("str").where(id_history.notna(), None),
        "segmentry_exchange_rates": rates,
    }
    tables = run([FEATURES, WINDOW_FEATURES], inputs)
    return tables[FEATURES], tables[WINDOW_FEATURES]


def means_over_windows(
    features: pd.DataFrame, windows: pd.DataFrame, five: pd.DataFrame, settings: SegmentationSettings
) -> list[float]:
    scores = time_structure_replicates(windows, features, fit_centroids(features, five, settings), settings)
    scores = scores[scores["test"] == "time_structure"]
    return [float(score) for score in scores.groupby("cluster")["score"].mean().dropna()]


def chosen_five(selection: pd.DataFrame) -> pd.DataFrame:
    return selection.assign(is_chosen=selection["k"] == 5)


@pytest.fixture(scope="module")
def datasets() -> list[Dataset]:
    return [generate_dataset(n_customers=1500, events_per_customer=50, seed=seed) for seed in range(SETS)]


@pytest.fixture(scope="module")
def found(datasets: list[Dataset]) -> list[Outcome]:
    outcomes = []
    for seed, data in enumerate(datasets):
        features, windows = features_of(data.events, data.id_history)
        truth = data.truth.set_index("raw_id")["archetype"]
        settings = SegmentationSettings(seed=seed)
        selection = select_k(features, settings)
        five = chosen_five(selection)
        scores = []
        for choice in (five, selection):
            members = assign(features, fit_centroids(features, choice, settings))
            known = members[members["customer_id"].isin(truth.index)]
            assert len(known) > 0.95 * len(members)
            scores.append(adjusted_rand_score(truth.loc[known["customer_id"]], known["cluster"]))
        kind = str(five.loc[five["is_chosen"], "kind"].iloc[0])
        outcomes.append(Outcome(*scores, kind, means_over_windows(features, windows, five, settings)))
    return outcomes


def test_planted_archetypes_are_found(found: list[Outcome]) -> None:
    agreement = [outcome.five for outcome in found]
    assert np.mean(agreement) >= 0.8, agreement
    assert min(agreement) >= 0.7, agreement


def test_planted_archetypes_are_natural(found: list[Outcome]) -> None:
    kinds = [outcome.kind for outcome in found]
    assert kinds.count("natural") >= 0.9 * len(kinds), kinds


def test_windows_tell_archetypes_from_visits_of_anybody(
    found: list[Outcome], datasets: list[Dataset]
) -> None:
    """The same visits, dealt out anew to the same customers, have nobody behind them who stays the same."""
    planted = [score for outcome in found for score in outcome.windows]
    dealt = []
    for seed, data in enumerate(datasets):
        visits = data.events["session_id"].fillna(data.events["event_id"])
        customers = data.events.groupby(visits)["customer_id"].first()
        customers[:] = np.random.default_rng(seed).permutation(customers.to_numpy())
        events = data.events.assign(customer_id=visits.map(customers))
        features, windows = features_of(events, data.id_history)
        settings = SegmentationSettings(seed=seed, null_replicates=0)
        dealt += means_over_windows(features, windows, chosen_five(select_k(features, settings)), settings)
    quantiles = {
        name: np.quantile(scores, [0, 0.05, 0.5, 0.95, 1]).round(2)
        for name, scores in (("planted", planted), ("dealt", dealt))
    }
    print(quantiles)
    assert min(len(planted), len(dealt)) >= 3 * SETS
    assert np.mean(np.array(planted) >= DOUBTFUL) >= 0.95, quantiles
    assert np.mean(np.array(dealt) < DOUBTFUL) >= 0.95, quantiles
