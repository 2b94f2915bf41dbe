"""Two modes: a refit finds segments, later runs give their customers to them, by real builds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from door import rows, run

from segmentry.exceptions import PipelineError
from segmentry.project import run_operation
from segmentry.synthetic import generate_small_dataset

REFIT = {"segmentry_bootstrap_replicates": 5, "segmentry_null_replicates": 2, "segmentry_seed_replicates": 2}
ASSIGN = REFIT | {"segmentry_mode": "assign"}
NEW_DAYS = 40
CARRIED = ["segment_robustness", "segment_robustness_replicates", "cluster_selection"]


def build(directory: Path, events: pd.DataFrame, variables: dict[str, object], output: str = "out") -> Path:
    events.to_parquet(directory / "events.parquet")
    done = run(
        "--events", "events.parquet", "--output", output, "--quiet", "--vars", json.dumps(variables),
        cwd=directory,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return directory / output / "warehouse.duckdb"


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    return generate_small_dataset(n_customers=300, seed=8)[0]


@pytest.fixture(scope="module")
def earlier(events: pd.DataFrame) -> pd.DataFrame:
    times = pd.to_datetime(events["event_at"], utc=True, format="ISO8601")
    return events[times < times.max() - pd.Timedelta(days=NEW_DAYS)]


@pytest.fixture(scope="module")
def refit(earlier: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("refit"), earlier, REFIT)


def again(refit: Path, directory: Path) -> Path:
    shutil.copytree(refit.parent, directory / "out")
    return directory


def table(database: Path, query: str) -> pd.DataFrame:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.sql(query).df()


def without_runs(database: Path, name: str) -> pd.DataFrame:
    return table(database, f"select * exclude (run_id) from segmentry.{name} order by all")


def test_the_same_customers_stay_where_the_refit_put_them(
    refit: Path, earlier: pd.DataFrame, tmp_path: Path
) -> None:
    database = build(again(refit, tmp_path), earlier, ASSIGN)
    members = "select customer_id, segment_id, segment_name, membership_score, is_boundary from segmentry.customers order by all"
    pd.testing.assert_frame_equal(table(refit, members), table(database, members))
    for name in CARRIED:
        pd.testing.assert_frame_equal(without_runs(refit, name), without_runs(database, name))
    shown = "select segment_id, segment_name, customer_count, total_clv, overall_robustness, weakest_test, verdict, segmentation_kind, is_valid, is_production_ready from segmentry.segments order by all"
    pd.testing.assert_frame_equal(table(refit, shown), table(database, shown))
    runs = rows(
        database,
        "select segmentation_mode, model_run_id, ari_to_previous, far_customer_share from segmentry.segmentation_runs order by recorded_at",
    )
    (refit_id,) = rows(refit, "select run_id from segmentry.segmentation_runs")[0]
    assert runs[0] == ("refit", refit_id, None, None)
    assert runs[1][:3] == ("assign", refit_id, 1.0)
    assert 0 < runs[1][3] <= 0.011  # one in a hundred, by definition
    assert rows(database, "select distinct stability_index from segmentry.feature_drift") == [(0.0,)]


def test_a_refit_that_nobody_wants_is_taken_back(refit: Path, earlier: pd.DataFrame, tmp_path: Path) -> None:
    segments = "select customer_id, segment_id from segmentry.customers order by all"
    before = table(refit, segments)
    database = build(again(refit, tmp_path), earlier, REFIT | {"segmentry_k": 7})
    assert not table(database, segments).equals(before)
    newest = "select run_id from segmentry.segmentation_runs order by recorded_at desc limit 1"
    ((unwanted,),) = rows(database, newest)
    with pytest.raises(PipelineError, match=r'The run "R" is not in segmentation_runs.*' + unwanted):
        run_operation("withdraw_run", str(database), arguments={"run_id": "R"})
    for _ in range(2):
        (said,) = run_operation("withdraw_run", str(database), arguments={"run_id": unwanted})
    ((wanted,),) = rows(refit, "select run_id from segmentry.segmentation_runs")
    assert said.count(wanted) == 2
    build(tmp_path, earlier, ASSIGN)
    pd.testing.assert_frame_equal(table(database, segments), before)
    assert rows(database, newest.replace("run_id", "model_run_id", 1)) == [(wanted,)]


def test_new_customers_go_to_the_nearest_centroid_of_the_refit(
    refit: Path, events: pd.DataFrame, tmp_path: Path
) -> None:
    database = build(again(refit, tmp_path), events, ASSIGN | {"segmentry_drift_maximum_index": 0.001})
    model = table(refit, "select * from segmentry_internal.int_segmentry__centroid_history")
    features = table(database, "select * from segmentry_internal.int_segmentry__features_transformed")
    kept = model[model["scale"] > 0]
    names = sorted(set(kept["feature"]))
    scaler = kept.drop_duplicates("feature").set_index("feature").loc[names]
    centroids = kept.pivot(index="segment_id", columns="feature", values="centroid")[names]
    x = (features[names] - scaler["mean"].to_numpy()) / scaler["scale"].to_numpy()
    distances = np.linalg.norm(x.to_numpy()[:, None, :] - centroids.to_numpy()[None], axis=2)
    expected = dict(zip(features["customer_id"], centroids.index[distances.argmin(axis=1)], strict=True))
    now = table(database, "select customer_id, segment_id, segment_name, run_id from segmentry.customers")
    assert dict(zip(now["customer_id"], now["segment_id"], strict=True)) == expected
    before = set(table(refit, "select customer_id from segmentry.customers")["customer_id"])
    assert len(set(now["customer_id"]) - before) >= 5  # some are new
    # Names and tests are those of the refit, and say so; what is counted is of today.
    named = dict(rows(refit, "select segment_id, segment_name from segmentry.segments"))
    assert set(zip(now["segment_id"], now["segment_name"], strict=True)) <= set(named.items())
    (refit_id,) = rows(refit, "select run_id from segmentry.segmentation_runs")[0]
    for name in CARRIED:
        assert rows(database, f"select distinct model_run_id from segmentry.{name}") == [(refit_id,)]
        assert rows(database, f"select distinct run_id from segmentry.{name}") != [(refit_id,)]
    far = rows(
        database,
        "select far_customer_share from segmentry.segmentation_runs where segmentation_mode = 'assign'",
    )[0][0]
    limit = model["far_distance"].iloc[0]
    assert far == pytest.approx((distances.min(axis=1) > limit).mean(), abs=1e-9)
    # Drift counts from the refit.
    drift = rows(database, "select previous_run_id, stability_index, is_drifted from segmentry.feature_drift")
    assert {row[0] for row in drift} == {refit_id}
    assert any(row[2] for row in drift)


def refused(directory: Path, events: pd.DataFrame, variables: dict[str, object]) -> str:
    events.to_parquet(directory / "events.parquet")
    done = run(
        "--events", "events.parquet", "--output", "out", "--quiet", "--vars", json.dumps(variables),
        cwd=directory,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_assigning_needs_a_refit(earlier: pd.DataFrame, tmp_path: Path) -> None:
    said = refused(tmp_path, earlier, ASSIGN)
    assert "no earlier refit" in said
    assert "segmentry_mode: refit" in said


def test_other_features_are_refused(refit: Path, earlier: pd.DataFrame, tmp_path: Path) -> None:
    block = {"unit": "days", "label": "x", "transform": "log1p"}
    fewer = [
        {"name": "days_since_seen", "block": "a", **block},
        {"name": "recency_days", "block": "b", **block},
        {"name": "order_rate", "block": "c", **block, "transform": "none"},
    ]
    directory = again(refit, tmp_path)
    said = refused(directory, earlier, ASSIGN | {"segmentry_features": fewer})
    assert "recency_days was not among them" in said
    assert "order_rate was made with transform log1p" in said
    assert "tenure_days is missing now" in said
    assert "segmentry_mode: refit" in said
    assert "k_max" in refused(directory, earlier, ASSIGN | {"segmentry_k_max": 2})
    # Nothing was built.
    assert rows(
        directory / "out" / "warehouse.duckdb", "select count(*) from segmentry.segmentation_runs"
    ) == [(1,)]
