"""The backtest: its measures against other libraries, and a whole run against a recomputation from the events."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from door import SEGMENTRY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segmentry.backtest import (
    FLOOR,
    METHODS,
    Backtest,
    backtest_from_files,
    calibration,
    holdout_length,
    plot_backtest,
    recommendation,
    score_method,
)
from segmentry.exceptions import DataValidationError, InsufficientDataError

EXAMPLES = int(os.environ.get("SEGMENTRY_EXAMPLES", "20"))
FIRST, LAST, HOLDOUT = pd.Timestamp("2023-01-01"), pd.Timestamp("2024-06-30"), 120


def tables(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw predictions and what happened."""
    rng = np.random.default_rng(seed)
    size = int(rng.choice([1, 2, 7, 300]))
    ids = [f"c{number}" for number in rng.permutation(size)]
    predicted = pd.DataFrame(
        {
            "customer_id": ids,
            "expected_purchases": rng.gamma(1, 1, size).round(int(rng.choice([0, 9]))),
            "churn_risk": rng.beta(0.5, 0.5, size).round(int(rng.choice([0, 1, 9]))),
            "clv": rng.gamma(1, 50, size).round(int(rng.choice([-2, 2]))),
        }
    )
    bought = rng.random(size) < rng.choice([0.0, 0.3, 1.0])
    actual = pd.DataFrame(
        {
            "customer_id": np.array(ids)[bought],
            "actual_purchases": rng.poisson(1, bought.sum()) + 1.0,
            "actual_value": rng.gamma(1, 60, bought.sum()).round(2),
        }
    )
    # Customers who came after the cut were not predicted and do not count.
    return predicted, pd.concat([actual, pd.DataFrame([["new", 3.0, 99.0]], columns=actual.columns)])


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_measures_agree_with_other_ways_to_them(seed: int) -> None:
    from sklearn.metrics import brier_score_loss, mean_absolute_error

    predicted, actual = tables(seed)
    found = score_method("mine", predicted.sample(frac=1, random_state=seed % 1000), actual).iloc[0]
    real = actual.set_index("customer_id").reindex(predicted["customer_id"]).fillna(0).reset_index()
    churned = real["actual_purchases"] == 0
    close = {"abs": 1e-6, "nan_ok": True}
    error = mean_absolute_error(real["actual_purchases"], predicted["expected_purchases"])
    assert found["purchases_mae"] == pytest.approx(error, **close)
    risk = predicted["churn_risk"].to_numpy()
    left, stayed = risk[churned][:, None], risk[~churned]
    wins = (left > stayed) + (left == stayed) / 2
    area = wins.mean() if wins.size else float("nan")
    assert found["churn_auc"] == pytest.approx(area, **close)
    brier = brier_score_loss(churned, predicted["churn_risk"], labels=[False, True])
    assert found["churn_brier"] == pytest.approx(brier, **close)
    constant = min(predicted["clv"].nunique(), real["actual_value"].nunique()) < 2
    ranks = predicted["clv"].rank(), real["actual_value"].rank()
    rank = float("nan") if constant else np.corrcoef(*ranks)[0, 1]
    assert found["value_spearman"] == pytest.approx(rank, **close)
    assert found["actual_value"] == pytest.approx(actual["actual_value"].sum() - 99, abs=1e-5)
    assert (found["customer_count"], found["actual_churn"]) == (
        len(predicted),
        pytest.approx(churned.mean(), abs=1e-6),
    )

    bins = calibration("mine", predicted, actual)
    assert bins["customer_count"].sum() == len(predicted)
    assert (bins["bin"] - 1 == np.minimum(np.floor(bins["predicted_churn"] * 10 + 1e-9), 9)).all()
    weighted = (bins["actual_churn"] * bins["customer_count"]).sum() / len(predicted)
    assert weighted == pytest.approx(churned.mean(), abs=2e-6)


def test_a_third_of_a_short_history_is_held_out() -> None:
    days = pd.DataFrame({"order_date": [pd.Timestamp("2024-01-10"), pd.Timestamp("2024-01-01")]})
    assert holdout_length(days, date(2024, 12, 31), 182) == 121
    assert holdout_length(days, date(2030, 12, 31), 182) == 182
    with pytest.raises(InsufficientDataError, match="needs 21"):
        holdout_length(days, date(2024, 1, 15), 182)
    with pytest.raises(InsufficientDataError, match="0 days"):
        holdout_length(days.head(0), date(2024, 1, 15), 182)


def test_no_days_are_not_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    days = pd.DataFrame({"order_date": [pd.Timestamp("2024-01-01")]})
    monkeypatch.setattr(
        "segmentry.backtest._Builder.purchase_days", lambda builder: (days, date(2024, 12, 31))
    )
    for wanted in (0, -1, 365):
        with pytest.raises(DataValidationError, match=f"{wanted} days can't be held out"):
            backtest_from_files(tmp_path / "events.csv", None, tmp_path, holdout_days=wanted)


def scores(**rows: tuple[str, str, float, float, float]) -> pd.DataFrame:
    """Rows of method: used for value, for churn, predicted value, rank correlation, Brier score; 100 were spent."""
    columns = ["used_for_value", "used_for_churn", "predicted_value", "value_spearman", "churn_brier"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return table.rename_axis("method").reset_index().assign(actual_value=100.0)


def test_the_recommendation_follows_the_measures() -> None:
    text = recommendation(
        scores(
            mbg_nbd=("mbg_nbd", "mbg_nbd", 94, 0.44, 0.131),
            bg_nbd=("bg_nbd", "bg_nbd", 96, 0.43, 0.150),
            heuristic=("heuristic", "heuristic", 73, 0.47, 0.136),
        )
    )
    # Two per cent are no reason to rank worse; a quarter is one.
    assert "set segmentry_clv_method to mbg_nbd" in text
    assert "heuristic ranks customers better" in text
    assert "set segmentry_churn_method to mbg_nbd" in text
    text = recommendation(
        scores(
            mbg_nbd=("heuristic", "heuristic", 53, 0.55, 0.2),
            heuristic=("heuristic", "heuristic", 53, 0.55, 0.2),
            same_again=(FLOOR, FLOOR, 70, 0.6, 0.3),
        )
    )
    assert "set segmentry_clv_method to heuristic" in text
    assert "revenue is enough" in text
    assert "Did not fit: mbg_nbd, bg_nbd" in text
    text = recommendation(
        scores(
            mbg_nbd=("mbg_nbd", "mbg_nbd", 94, 0.44, 0.131),
            heuristic=("heuristic", "heuristic", 94, 0.44, 0.132),
        )
    )
    assert "mbg_nbd and heuristic do equally well" in text
    nothing = scores(heuristic=("heuristic", "heuristic", 5, float("nan"), 0.1)).assign(actual_value=0.0)
    assert "nothing can be told" in recommendation(nothing)


# ---- a whole run ---------------------------------------------------------------------------------


def events(customers: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Orders of customers who leave some day, and refunds that name none, a third under an id that is merged away after the cut; and the merges."""
    rng, returning = np.random.default_rng(31), np.random.default_rng(32)
    rows = []
    for number in range(customers):
        at = FIRST + pd.Timedelta(days=int(rng.integers(0, 300)))
        pace, leave = rng.gamma(1.2, 1 / 40), rng.beta(1, 6)
        name = f"c{number:04}"
        while at <= LAST:
            alias = f"old-{name}" if number % 3 == 0 and rng.random() < 0.5 else name
            rows.append((alias, at, "purchase", round(float(rng.lognormal(3, 0.4)), 2)))
            # Before the cut and after it; a few are more than the customer ever spent.
            if returning.random() < 0.2:
                refunded_at = min(at + pd.Timedelta(days=int(returning.integers(0, 90))), LAST)
                share = returning.choice([0.3, 50.0], p=[0.95, 0.05])
                rows.append((alias, refunded_at, "refund", round(rows[-1][-1] * share, 2)))
            if rng.random() < leave:
                break
            at += pd.Timedelta(days=int(np.ceil(rng.exponential(1 / pace))))
    rows.append(("c0001", LAST, "page_view", None))
    table = pd.DataFrame(rows, columns=["customer_id", "event_at", "event_type", "amount"])
    olds = sorted({name for name in table["customer_id"] if name.startswith("old-")})
    merges = pd.DataFrame({"old_id": olds, "new_id": [old[4:] for old in olds], "merged_at": "2024-06-01"})
    return table, merges


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    directory = tmp_path_factory.mktemp("backtest")
    table, merges = events(500)
    table.to_parquet(directory / "events.parquet")
    merges.to_csv(directory / "merges.csv", index=False)
    words = ["backtest", "--events", "events.parquet", "--id-history", "merges.csv", "--output", "out"]
    words += ["--holdout-days", str(HOLDOUT), "--vars", "{segmentry_gross_margin: 0.3, segmentry_seed: 7}"]
    done = subprocess.run(
        [str(SEGMENTRY), *words], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    known = table.assign(customer_id=table["customer_id"].str.removeprefix("old-"), day=table["event_at"])
    days = (
        known[known["event_type"] == "purchase"]
        .groupby(["customer_id", "day"], as_index=False)["amount"]
        .sum()
    )
    refunds = known[known["event_type"] == "refund"]
    return {"output": directory / "out", "text": done.stdout, "days": days, "refunds": refunds}


def after_refunds(days: pd.DataFrame, refunds: pd.DataFrame) -> pd.DataFrame:
    """Purchase days of which each bears its share of the customer's refunds."""
    gross = days.groupby("customer_id")["amount"].transform("sum")
    refunded = days["customer_id"].map(refunds.groupby("customer_id")["amount"].sum()).fillna(0)
    return days.assign(amount=days["amount"] * (1 - refunded / gross).clip(lower=0))


def heuristic(days: pd.DataFrame, cut: pd.Timestamp) -> pd.DataFrame:
    """The transparent rule, from purchase days before the cut."""
    past = days[days["day"] < cut].sort_values(["customer_id", "day"])
    end = cut - pd.Timedelta(days=1)
    grouped = past.groupby("customer_id")
    people = pd.DataFrame(
        {"x": grouped.size() - 1, "first": grouped["day"].min(), "last": grouped["day"].max()}
    )
    weeks = (end - people["first"]).dt.days / 7
    gap = grouped["day"].diff().dt.days.median() / 7
    rate = (people["x"] + 1) / (weeks + weeks.sum() / people["x"].sum())
    expected_gap = ((people["last"] - people["first"]).dt.days / 7 + 3 * gap) / (people["x"] + 3)
    late = ((end - people["last"]).dt.days / 7 / expected_gap - 1).clip(lower=0)
    decay = np.exp(-late / 3)
    purchases = rate * HOLDOUT / 7 * decay
    risk = np.exp(-purchases)
    value = purchases * grouped["amount"].sum() / (people["x"] + 1)
    return pd.DataFrame({"expected_purchases": purchases, "churn_risk": risk, "clv": value})


def test_a_run_is_what_the_events_say(held_out: dict[str, Any]) -> None:
    gross, refunds = held_out["days"], held_out["refunds"]
    cut = LAST - pd.Timedelta(days=HOLDOUT - 1)
    days = after_refunds(gross, refunds)
    assert len(refunds[refunds["day"] < cut]) > 50 < len(refunds[refunds["day"] >= cut])
    assert (days["amount"] == 0).any()
    found = pd.read_csv(held_out["output"] / "clv_backtest.csv").set_index("method")
    assert list(found.index) == [*METHODS, FLOOR]
    assert found["used_for_value"].tolist() == found["used_for_churn"].tolist() == [*METHODS, FLOOR]

    # At the cut only the refunds before it are known.
    past = after_refunds(gross[gross["day"] < cut], refunds[refunds["day"] < cut])
    predicted = heuristic(past, cut)
    later = days[days["day"] >= cut].groupby("customer_id")["amount"].agg(["size", "sum"])
    later = later.reindex(predicted.index).fillna(0)
    row = found.loc["heuristic"]
    assert row["customer_count"] == len(predicted) > 400
    assert row["actual_purchases"] == later["size"].sum()
    assert row["actual_value"] == pytest.approx(later["sum"].sum(), abs=0.01)
    assert row["predicted_purchases"] == pytest.approx(predicted["expected_purchases"].sum(), rel=1e-6)
    assert row["predicted_value"] == pytest.approx(predicted["clv"].sum(), rel=1e-4)
    assert row["purchases_mae"] == pytest.approx(
        (predicted["expected_purchases"] - later["size"]).abs().mean(), abs=2e-6
    )
    churned = (later["size"] == 0).astype(float)
    assert row["churn_brier"] == pytest.approx(((predicted["churn_risk"] - churned) ** 2).mean(), abs=2e-6)
    assert row["value_spearman"] == pytest.approx(
        predicted["clv"].corr(later["sum"], method="spearman"), abs=1e-3
    )

    before = days[(days["day"] < cut) & (days["day"] >= cut - pd.Timedelta(days=HOLDOUT))]
    floor = found.loc[FLOOR]
    assert floor["predicted_purchases"] == len(before)
    assert floor["predicted_value"] == pytest.approx(before["amount"].sum(), abs=0.01)
    assert floor["predicted_churn"] == pytest.approx(
        1 - before["customer_id"].nunique() / len(predicted), abs=1e-6
    )


def test_equal_prices_leave_churn_to_the_models(tmp_path: Path) -> None:
    """The models of purchases fit and that of spend does not: they are compared for churn, and not for value."""
    table, _ = events(400)
    orders = table[table["event_type"] == "purchase"].assign(amount=9.99)
    orders.to_parquet(tmp_path / "events.parquet")
    words = ["backtest", "--events", "events.parquet", "--output", "out", "--holdout-days", str(HOLDOUT)]
    done = subprocess.run([str(SEGMENTRY), *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    scores = pd.read_csv(tmp_path / "out" / "clv_backtest.csv")
    bins = pd.read_csv(tmp_path / "out" / "clv_backtest_calibration.csv")
    rows = scores.set_index("method")
    assert rows["used_for_value"].tolist() == ["heuristic"] * 3 + [FLOOR]
    assert rows["used_for_churn"].tolist() == [*METHODS, FLOOR]
    assert rows.loc[["mbg_nbd", "bg_nbd"], "churn_brier"].ne(rows.loc["heuristic", "churn_brier"]).all()
    assert (
        rows.loc[["mbg_nbd", "bg_nbd"], "predicted_value"].eq(rows.loc["heuristic", "predicted_value"]).all()
    )
    value, churn = recommendation(scores).split(" Churn: ")
    assert recommendation(scores) in done.stdout
    assert "set segmentry_clv_method to heuristic" in value
    assert "nbd" not in value
    assert all(method in churn for method in METHODS)
    assert "For churn alone, since spend did not fit: mbg_nbd, bg_nbd." in churn
    assert "Did not fit" not in churn
    left, right = plot_backtest(Backtest(date(2024, 3, 3), HOLDOUT, scores, bins, "")).axes
    labels = [method.replace("_", " ") for method in METHODS]
    assert left.get_legend_handles_labels()[1] == labels
    assert [label.get_text() for label in right.get_yticklabels()] == ["heuristic", "same again"]


def test_the_models_see_only_what_was_before_the_cut(held_out: dict[str, Any]) -> None:
    from segmentry.value import fit_purchases, purchases_if_alive

    days, cut = held_out["days"], LAST - pd.Timedelta(days=HOLDOUT - 1)
    grouped = days[days["day"] < cut].groupby("customer_id")["day"]
    people = pd.DataFrame(
        {
            "repeat_count": grouped.size() - 1,
            "active_days": (grouped.max() - grouped.min()).dt.days,
            "observed_days": (cut - pd.Timedelta(days=1) - grouped.min()).dt.days,
        }
    )
    found = pd.read_csv(held_out["output"] / "clv_backtest.csv").set_index("method")
    for method, extra in (("mbg_nbd", 0), ("bg_nbd", 1)):
        model = fit_purchases(people, method)
        x, active, weeks = people["repeat_count"], people["active_days"] / 7, people["observed_days"] / 7
        odds = (
            model.a
            / (model.b + x - extra)
            * ((model.alpha + weeks) / (model.alpha + active)) ** (model.r + x)
        )
        alive = 1 / (1 + odds.where((x > 0) | (extra == 0), 0))
        expected = (alive * purchases_if_alive(model, x, weeks, HOLDOUT / 7)).sum()
        assert found.loc[method, "predicted_purchases"] == pytest.approx(expected, rel=1e-6)


def test_a_run_leaves_tables_and_a_chart(held_out: dict[str, Any]) -> None:
    files = {path.name for path in held_out["output"].iterdir()}
    assert files == {
        "clv_backtest.csv",
        "clv_backtest_calibration.csv",
        "clv_backtest.svg",
        "clv_backtest.png",
    }
    bins = pd.read_csv(held_out["output"] / "clv_backtest_calibration.csv")
    assert set(bins["method"]) == set(METHODS)
    assert bins["bin"].between(1, 10).all()
    assert "Held out: 120 days from 2024-03-03." in held_out["text"]
    assert "segmentry_clv_method" in held_out["text"]


def test_the_script_is_the_command(tmp_path: Path) -> None:
    script = [
        sys.executable,
        str(ROOT / "scripts" / "backtest.py"),
        "--events",
        "nowhere.csv",
        "--output",
        ".",
    ]
    done = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "nowhere.csv was not found" in done.stderr
