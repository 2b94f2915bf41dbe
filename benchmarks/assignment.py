"""Measure how fast customers are given to their segments: by the project's SQL, and by a round trip through scikit-learn. Called by run.py.

python benchmarks/assignment.py [--customers 10000000]

All read the same table of ten features in the same DuckDB file and write their answer into it: the segment with both distances, margin, membership
and border, as the SQL does, or the segment alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from child import run_child

from segmentry.engines.compiled import CompiledModels, relations

FEATURES = (
    *("days_since_seen", "tenure_days", "recency_days", "order_rate", "visit_rate", "average_order_value"),
    *("discounted_order_share", "cart_abandonment_rate", "weekend_share", "pages_per_session"),
)
CLUSTERS = 6
BAR = 5.0  # times faster
MODEL = "int_segmentry__members_assigned"


def centroids() -> pd.DataFrame:
    """Lay out a model as `fit_centroids` does."""
    places = np.random.default_rng(0).normal(size=(CLUSTERS, len(FEATURES)))
    return pd.DataFrame(
        [
            {"cluster": cluster + 1, "feature": feature, "mean": 0.5, "scale": 0.3, "is_dropped": False}
            | {"centroid": places[cluster, place]}
            for cluster in range(CLUSTERS)
            for place, feature in enumerate(FEATURES)
        ]
    )


def connect(database: str) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(database, config={"threads": "2", "memory_limit": "2500MB"})


def fill(database: str, customers: int) -> None:
    """Draw customers by a hash of their number."""
    drawn = ", ".join(
        f"(hash(number * 16 + {place}) % 1000000) / 1000000.0::double as {feature}"
        for place, feature in enumerate(FEATURES)
    )
    with connect(database) as connection:
        connection.execute("create schema segmentry_internal")
        connection.execute(
            f"create table {relations()['int_segmentry__features_transformed']} as "
            f"select 'c' || number as customer_id, {drawn} from range({customers}) as numbers(number)"
        )


def by_sql(database: str) -> None:
    """Run what dbt runs."""
    listed = [
        {"name": name, "block": name, "transform": "none", "unit": "x", "label": name} for name in FEATURES
    ]
    models = CompiledModels(
        [MODEL], {"segmentry_features": listed, "segmentry_k": CLUSTERS, "segmentry_k_max": CLUSTERS}
    )
    with connect(database) as connection:
        connection.register("given", centroids())
        connection.execute(
            f"create table {relations()['int_segmentry__centroids_fitted']} as select * from given"
        )
        timed(lambda: connection.execute(f"create table by_sql as {models.models[MODEL].sql}"))


def by_sklearn(database: str, *, label_only: bool = False) -> None:
    """Fetch, scale, predict, write back."""
    from sklearn.cluster import KMeans

    table = centroids()
    places = table.pivot(index="cluster", columns="feature", values="centroid")[list(FEATURES)].to_numpy()
    peer = KMeans(CLUSTERS, init=places, n_init=1, max_iter=1).fit(places)
    peer.cluster_centers_ = np.ascontiguousarray(places)
    query = f"select * from {relations()['int_segmentry__features_transformed']}"
    with connect(database) as connection:

        def round_trip() -> None:
            rows = connection.sql(query).df()
            x = (rows[list(FEATURES)].to_numpy() - 0.5) / 0.3
            answer = pd.DataFrame({"customer_id": rows["customer_id"]})
            if label_only:
                answer["cluster"] = peer.predict(x) + 1
            else:
                distances = peer.transform(x).round(10)
                nearest, second = np.partition(distances, 1, axis=1)[:, :2].T
                score = (1 - nearest / second).round(10)
                answer = answer.assign(
                    cluster=distances.argmin(axis=1) + 1,
                    distance=nearest,
                    second_distance=second,
                    margin=(second - nearest).round(10),
                    membership_score=score,
                    is_boundary=score < 0.1,
                )
            connection.register("answer", answer)
            connection.execute("create or replace table by_sklearn as select * from answer")

        timed(round_trip)


WAYS = {
    "by_sql": by_sql,
    "by_sklearn": by_sklearn,
    "by_sklearn_label_only": partial(by_sklearn, label_only=True),
}


def timed(work: Any) -> None:
    busy, started = time.process_time(), time.perf_counter()
    work()
    print(json.dumps([time.process_time() - busy, time.perf_counter() - started]))


def lines(customers: int) -> Iterator[dict[str, Any]]:
    """Yield CPU and wall time of both, the ratios, and peak memory."""
    with tempfile.TemporaryDirectory() as directory:
        database = str(Path(directory) / "memory.duckdb")
        fill(database, customers)
        found = {}
        for way in WAYS:
            text, _, memory = run_child(__file__, "--way", way, "--database", database)
            found[way] = [*json.loads(text), memory]
        with connect(database) as connection:
            (differing,) = connection.sql(
                "select count(*) from by_sql inner join by_sklearn using (customer_id) where by_sql.cluster <> by_sklearn.cluster"
            ).fetchall()[0]
    for place, what in enumerate(("CPU", "wall", "peak memory")):
        for way, values in found.items():
            yield {
                "line": f"assignment {way.replace('_', ' ')}, {what}",
                "customers": customers,
                "value": values[place],
                "unit": "MB" if what == "peak memory" else "s",
            }
        if what != "peak memory":
            for way in list(WAYS)[1:]:
                yield {
                    "line": f"assignment by SQL, times faster than {way.removeprefix('by_').replace('_', ' ')}, {what}",
                    "customers": customers,
                    "value": found[way][place] / found["by_sql"][place],
                    "unit": f"x, bar {BAR:g}",
                }
    yield {
        "line": "assignment, customers who differ",
        "customers": customers,
        "value": differing,
        "unit": "customers",
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=10_000_000)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--database")
    options = parser.parse_args()
    if options.way:
        WAYS[options.way](options.database)
    else:
        for line in lines(options.customers):
            print(
                f"{line['line']:<64}{line['customers']:>12,}{line['value']:>10.2f} {line['unit']}", flush=True
            )
