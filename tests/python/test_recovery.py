"""Are the planted archetypes found: events of the generator through the project's SQL, clustered, against the truth.

`SEGMENTRY_SETS` is the number of seeds (1 in `make test`, 20 in `make test-deep`).
"""

from __future__ import annotations

import os

import numpy as np
import pyarrow as pa
import pytest
from compiled import run
from sklearn.metrics import adjusted_rand_score

from segmentry.clustering import assign, fit_centroids, select_k
from segmentry.settings import SegmentationSettings
from segmentry.synthetic import generate_dataset

SETS = int(os.environ.get("SEGMENTRY_SETS", "1"))
FEATURES = "int_segmentry__features_transformed"


@pytest.fixture(scope="module")
def found() -> list[tuple[float, str, float]]:
    """Per seed: agreement of five segments with the truth, the kind that five are, agreement of the chosen k."""
    outcomes = []
    for seed in range(SETS):
        data = generate_dataset(n_customers=1500, events_per_customer=50, seed=seed)
        rates = pa.table({"currency": ["EUR", "GBP", "USD"], "rate": [1.0, 1.17, 0.92]})
        inputs = {
            "segmentry_demo_events": data.events.astype("str").where(data.events.notna(), None),
            "segmentry_demo_id_history": data.id_history.astype("str").where(data.id_history.notna(), None),
            "segmentry_exchange_rates": rates,
        }
        features = run([FEATURES], inputs)[FEATURES]
        truth = data.truth.set_index("raw_id")["archetype"]
        settings = SegmentationSettings(seed=seed)
        selection = select_k(features, settings)
        five = selection.assign(is_chosen=selection["k"] == 5)
        scores = []
        for choice in (five, selection):
            members = assign(features, fit_centroids(features, choice, settings))
            known = members[members["customer_id"].isin(truth.index)]
            assert len(known) > 0.95 * len(members)
            scores.append(adjusted_rand_score(truth.loc[known["customer_id"]], known["cluster"]))
        outcomes.append((scores[0], str(five.loc[five["k"] == 5, "kind"].iloc[0]), scores[1]))
    return outcomes


def test_planted_archetypes_are_found(found: list[tuple[float, str, float]]) -> None:
    agreement = [five for five, _, _ in found]
    assert np.mean(agreement) >= 0.8, agreement
    assert min(agreement) >= 0.7, agreement


def test_planted_archetypes_are_natural(found: list[tuple[float, str, float]]) -> None:
    kinds = [kind for _, kind, _ in found]
    assert kinds.count("natural") >= 0.9 * len(kinds), kinds
