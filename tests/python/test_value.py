"""Value and churn: published figures, a slow oracle, simulated customers, and data that no model should claim to fit."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from compiled import run
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from segmentry.exceptions import ConfigurationError, DataValidationError
from segmentry.value import (
    PurchaseModel,
    clv_grid,
    fit_clv,
    fit_purchases,
    fit_spend,
    purchases_if_alive,
)

EXAMPLES = int(os.environ.get("SEGMENTRY_EXAMPLES", "15"))
SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"
HISTORY = ["repeat_count", "active_days", "observed_days"]
SCORED = "int_segmentry__value_estimated"
METHODS = ["mbg_nbd", "bg_nbd"]


def examples(times: int) -> Callable[[Any], Any]:
    """Run a test for many seeds."""
    decorate = settings(max_examples=max(times, 1), deadline=None, suppress_health_check=list(HealthCheck))
    return lambda test: decorate(given(seed=st.integers(0, 2**32))(test))


# ---- independent ways to the same numbers --------------------------------------------------------


def slow_log_likelihood(
    histories: pd.DataFrame, method: str, r: float, alpha: float, a: float, b: float
) -> float:
    """Sum over customers, as the papers derive it: here still, or gone after the last purchase."""

    def beta(one: float, other: float) -> float:
        return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)

    total = 0.0
    for x, active, observed in histories[HISTORY].itertuples(index=False):
        chances = x + (method == "mbg_nbd")
        rate = math.lgamma(r + x) - math.lgamma(r) + r * math.log(alpha)
        here = beta(a, b + chances) - beta(a, b) - (r + x) * math.log(alpha + observed / 7)
        terms = [here]
        if chances:
            terms.append(beta(a + 1, b + chances - 1) - beta(a, b) - (r + x) * math.log(alpha + active / 7))
        top = max(terms)
        total += rate + top + math.log(sum(math.exp(term - top) for term in terms))
    return total


def slow_spend_log_likelihood(histories: pd.DataFrame, p: float, q: float, gamma: float) -> float:
    """Sum over customers who came back and paid, up to the terms without a parameter."""
    total = 0.0
    for x, spend in histories[["repeat_count", "repeat_spend"]].itertuples(index=False):
        if x > 0 and spend > 0:
            total += math.lgamma(p * x + q) - math.lgamma(p * x) - math.lgamma(q) + q * math.log(gamma)
            total += p * x * math.log(spend) - (p * x + q) * math.log(gamma + spend)
    return total


def integrated_purchases(model: PurchaseModel, x: int, weeks: float, horizon: float) -> float:
    """Expected purchases of a customer who is here: averaged over the probability to leave, given the past."""
    from scipy.integrate import quad

    last = model.b + x + (model.method == "mbg_nbd")
    scale = math.lgamma(model.a + last) - math.lgamma(model.a) - math.lgamma(last)

    # On the scale of log-odds the integrand is smooth and falls off on both sides, whatever the parameters are.
    def integrand(odds: float) -> float:
        log_leave, log_stay = -float(np.logaddexp(0, -odds)), -float(np.logaddexp(0, odds))
        silent = -(model.r + x) * math.log1p(math.exp(log_leave) * horizon / (model.alpha + weeks))
        density = scale + (model.a - 1) * log_leave + last * log_stay
        return math.exp(density + math.log(-math.expm1(silent))) if silent else 0.0

    middle = math.log(model.a / last)
    width = 8 * math.sqrt(1 / model.a + 1 / last)
    edges = sorted(
        [middle - 60 / min(model.a, 1), middle - width, middle + width, middle + 60 / min(last, 1)]
    )
    return sum(quad(integrand, *pair, limit=400, epsabs=0, epsrel=1e-11)[0] for pair in pairwise(edges))


def simulate(
    method: str, parameters: tuple[float, ...], customers: int, seed: int, horizon: float = 0
) -> pd.DataFrame:
    """Play the process customer by customer; days are rounded up, so rates should be slow."""
    r, alpha, a, b = parameters
    rng = np.random.default_rng(seed)
    observed = rng.integers(200, 700, customers)
    rate, leave = rng.gamma(r, 1 / alpha, customers), rng.beta(a, b, customers)
    rows = []
    for days, pace, chance in zip(observed, rate, leave, strict=True):
        here = not (method == "mbg_nbd" and rng.random() < chance)
        at, bought = 0.0, []
        while here:
            at += rng.exponential(1 / pace)
            if at * 7 > days + horizon:
                break
            bought.append(math.ceil(at * 7))
            here = rng.random() >= chance
        past = {day for day in bought if 0 < day <= days}
        later = {day for day in bought if day > days}
        rows.append((len(past), max(past, default=0), days, here or bool(later), len(later)))
    return pd.DataFrame(rows, columns=[*HISTORY, "is_alive", "later_count"])


def spends(repeats: Any, p: float, q: float, gamma: float, seed: int) -> Any:
    """Draw what customers spend on their repeat occasions."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(q, 1 / gamma, len(repeats))
    return np.where(repeats > 0, rng.gamma(p * np.maximum(repeats, 1), 1 / rate), 0.0).round(2)


# ---- published figures ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    """The calibration period of CDNOW, 39 weeks, as Fader and Hardie count it."""
    source = SHARED_DATA / "cdnow_sample.parquet"
    if not source.exists():
        pytest.skip("the real data sets are not here")
    orders = pd.read_parquet(source)
    orders["day"] = pd.to_datetime(orders["event_time"]).dt.normalize()
    end = pd.Timestamp("1997-09-30")
    days = orders[orders["day"] <= end].groupby(["customer_id", "day"], as_index=False)["amount"].sum()
    days["first"] = days.groupby("customer_id")["day"].transform("min")
    grouped = days.groupby("customer_id")
    first, last = grouped["day"].min(), grouped["day"].max()
    repeat_spend = days[days["day"] > days["first"]].groupby("customer_id")["amount"].sum()
    return pd.DataFrame(
        {
            "repeat_count": grouped.size() - 1,
            "active_days": (last - first).dt.days,
            "observed_days": (end - first).dt.days,
            "repeat_spend": repeat_spend.reindex(first.index).fillna(0).round(2),
        }
    )


def test_bg_nbd_is_the_published_fit(cdnow: pd.DataFrame) -> None:
    """Fader, Hardie and Lee (2005), table 2."""
    model = fit_purchases(cdnow, "bg_nbd")
    assert len(cdnow) == 2357
    assert (round(model.r, 3), round(model.alpha, 3)) == (0.243, 4.414)
    assert (round(model.a, 3), round(model.b, 3)) == (0.793, 2.426)
    assert model.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    assert not model.problem


def test_gamma_gamma_is_the_published_fit(cdnow: pd.DataFrame) -> None:
    """Fader and Hardie (2013), the 946 customers who came back."""
    model = fit_spend(cdnow)
    assert (cdnow["repeat_count"] > 0).sum() == 946
    assert (round(model.p, 2), round(model.q, 2), round(model.gamma, 2)) == (6.25, 3.74, 15.44)
    assert model.correlation == pytest.approx(0.11, abs=0.005)


def test_expected_purchases_are_the_published_example() -> None:
    """Fader, Hardie and Lee (2005): customer 1 of CDNOW is expected to buy 1.226 times in the next 39 weeks."""
    model = PurchaseModel("bg_nbd", 0.2426, 4.4135, 0.7929, 2.4258)
    fit = fit_frame(model)
    grid = pd.DataFrame({"repeat_count": [2], "observed_days": [272], "purchases_if_alive": [1.0]})
    grid["purchases_if_alive"] = purchases_if_alive(model, [2], [272 / 7], 39)
    buyer = pd.DataFrame({"repeat_count": [2], "active_days": [213], "observed_days": [272]})
    found = score(buyer, fit, grid).iloc[0]
    assert found["expected_purchases"] == pytest.approx(1.226, abs=5e-4)


# ---- the likelihoods -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_nothing_near_a_fit_is_more_likely(method: Any) -> None:
    histories = simulate(method, (0.8, 6.0, 0.9, 2.0), 1200, seed=3)
    model = fit_purchases(histories, method)
    at = (model.r, model.alpha, model.a, model.b)
    best = slow_log_likelihood(histories, method, *at)
    assert best == pytest.approx(model.log_likelihood, rel=1e-8)
    for place in range(4):
        for factor in (0.999, 1.001):
            beside = [value * factor if place == other else value for other, value in enumerate(at)]
            assert slow_log_likelihood(histories, method, *beside) < best
    # Not only here: no start of a search that uses no gradient ends higher.
    from scipy.optimize import minimize

    def deficit(logarithms: Any) -> float:
        return -slow_log_likelihood(histories.head(300), method, *np.exp(np.clip(logarithms, -9, 9)))

    part = fit_purchases(histories.head(300), method)
    searched = minimize(
        deficit, np.log([2.0, 20.0, 0.5, 0.5]), method="Nelder-Mead", options={"maxiter": 400}
    )
    assert -searched.fun <= part.log_likelihood + 1e-3


def test_nothing_near_a_fit_of_spend_is_more_likely() -> None:
    repeats = np.random.default_rng(1).geometric(0.4, 800) - 1
    table = pd.DataFrame({"repeat_count": repeats, "repeat_spend": spends(repeats, 5.0, 4.0, 20.0, seed=2)})
    model = fit_spend(table)
    at = (model.p, model.q, model.gamma)
    best = slow_spend_log_likelihood(table, *at)
    for place in range(3):
        for factor in (0.999, 1.001):
            beside = [value * factor if place == other else value for other, value in enumerate(at)]
            assert slow_spend_log_likelihood(table, *beside) < best


@pytest.mark.parametrize("method", METHODS)
def test_known_parameters_come_back(method: Any) -> None:
    truth = (0.7, 6.0, 0.9, 2.5)
    histories = simulate(method, truth, 12_000, seed=8)
    model = fit_purchases(histories, method)
    found = (model.r, model.alpha, model.a, model.b)
    # Twice the logarithm of the ratio is chi-squared with four degrees of freedom: 25 is beyond chance.
    behind = model.log_likelihood - slow_log_likelihood(histories, method, *truth)
    assert 0 <= 2 * behind < 25
    assert found == pytest.approx(truth, rel=0.25)


def test_known_parameters_of_spend_come_back() -> None:
    repeats = np.random.default_rng(4).geometric(0.4, 30_000) - 1
    table = pd.DataFrame({"repeat_count": repeats, "repeat_spend": spends(repeats, 5.0, 3.5, 20.0, seed=5)})
    model = fit_spend(table)
    assert (model.p, model.q, model.gamma) == pytest.approx((5.0, 3.5, 20.0), rel=0.1)
    assert abs(model.correlation) < 0.03
    assert not model.problem


# ---- what follows from a fit ---------------------------------------------------------------------


@example(seed=335934)  # few purchases: the difference in the formula has few digits beside a = 1
@examples(EXAMPLES * 4)
def test_purchases_agree_with_an_integral(seed: int) -> None:
    rng = np.random.default_rng(seed)
    near = 1 + rng.normal() * rng.choice([0.0, 1e-9, 1e-3, 0.03])
    a = rng.choice([near, 10 ** rng.uniform(-1.5, 1.7)])
    model = PurchaseModel(
        METHODS[rng.integers(2)],
        10 ** rng.uniform(-1, 1),
        10 ** rng.uniform(-1, 2),
        float(a),
        10 ** rng.uniform(-1, 3.5),
    )
    x, weeks, horizon = (
        int(rng.choice([0, 1, 2, 7, 60, 400])),
        rng.uniform(0, 300),
        rng.choice([1.0, 26.0, 52.0, 156.0]),
    )
    found = float(purchases_if_alive(model, [x], [weeks], horizon)[0])
    assert found == pytest.approx(integrated_purchases(model, x, weeks, horizon), rel=3e-8), (
        model,
        x,
        weeks,
        horizon,
    )


def fit_frame(model: PurchaseModel, p: float = 5.0, q: float = 3.5, gamma: float = 20.0) -> pd.DataFrame:
    """What the fit writes when a model is known."""
    row = {
        "method": model.method,
        "r": model.r,
        "alpha": model.alpha,
        "a": model.a,
        "b": model.b,
        "p": p,
        "q": q,
    }
    return pd.DataFrame([row | {"gamma": gamma, "is_clv_method": True, "is_churn_method": True}])


def score(buyers: pd.DataFrame, fit: pd.DataFrame, grid: pd.DataFrame, **settings: int) -> pd.DataFrame:
    """Score customers by the SQL model, in their order."""
    table = buyers.reset_index(drop=True)
    table = table.assign(customer_id=table.index.astype(str).str.zfill(9), net_revenue=0.0, recency_days=0)
    if "repeat_spend" not in table:
        table["repeat_spend"] = 0.0
    inputs = {
        "int_segmentry__clv_inputs_counted": table,
        "int_segmentry__purchase_days_built": pd.DataFrame(
            {"customer_id": ["0"], "order_date": [pd.Timestamp("2024-01-01")]}
        ),
        "int_segmentry__clv_fitted": fit,
        "int_segmentry__clv_grid_computed": grid,
    }
    found = run([SCORED], inputs, settings)[SCORED]
    return found.sort_values("customer_id").reset_index(drop=True)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("a", [0.9, 1.0])
def test_scores_are_what_simulated_customers_do(method: Any, a: float) -> None:
    truth = (0.7, 9.0, a, 2.5)
    people = simulate(method, truth, 30_000, seed=21, horizon=182)
    fit = fit_frame(PurchaseModel(method, *truth))
    horizon = {"segmentry_clv_horizon_days": 182, "segmentry_churn_horizon_days": 182}
    scored = score(people, fit, clv_grid(people, fit, 182), **horizon)
    people["left_for_good"] = ~people["is_alive"]
    people["silent"] = people["later_count"] == 0
    claims = {
        "is_alive": scored["probability_alive"],
        "silent": scored["churn_risk"],
        "later_count": scored["expected_purchases"],
    }
    groups = people["repeat_count"].clip(upper=4) * 10 + pd.qcut(
        scored["churn_risk"], 4, labels=False, duplicates="drop"
    )
    for name, claimed in claims.items():
        table = pd.DataFrame({"real": people[name].astype(float), "claimed": claimed, "group": groups})
        for group, members in table.groupby("group"):
            if len(members) < 300:
                continue
            error = members["real"].std() / math.sqrt(len(members))
            # Whole days cost a little; the rest is chance.
            gap = abs(members["real"].mean() - members["claimed"].mean())
            assert gap < 4.5 * error + 0.01, (name, group, len(members), gap, error)


def test_expected_spend_is_what_customers_spend_next() -> None:
    rng = np.random.default_rng(6)
    p, q, gamma = 5.0, 3.5, 20.0
    rate = rng.gamma(q, 1 / gamma, 40_000)
    repeats = rng.integers(0, 4, 40_000)
    past = np.where(repeats > 0, rng.gamma(p * np.maximum(repeats, 1), 1 / rate), 0).round(2)
    people = pd.DataFrame(
        {"repeat_count": repeats, "active_days": repeats, "observed_days": 9, "repeat_spend": past}
    )
    fit = fit_frame(PurchaseModel("mbg_nbd", 1.0, 9.0, 1.0, 2.0), p, q, gamma)
    scored = score(people, fit, clv_grid(people, fit, 364))
    people["next"] = rng.gamma(p, 1 / rate)
    people["claimed"] = scored["expected_value"]
    for _, members in people.groupby(
        ["repeat_count", pd.qcut(people["claimed"], 4, duplicates="drop")], observed=True
    ):
        error = members["next"].std() / math.sqrt(len(members))
        assert abs(members["next"].mean() - members["claimed"].mean()) < 4.5 * error


# ---- the same whatever the order -----------------------------------------------------------------


def test_the_order_of_rows_does_not_matter() -> None:
    histories = simulate("mbg_nbd", (0.8, 6.0, 0.9, 2.0), 3000, seed=5)
    histories["repeat_spend"] = spends(histories["repeat_count"].to_numpy(), 5.0, 4.0, 20.0, seed=2)
    first = fit_clv(histories)
    for seed in range(3):
        shuffled = histories.sample(frac=1, random_state=seed)
        pd.testing.assert_frame_equal(first, fit_clv(shuffled), check_exact=True)
        pd.testing.assert_frame_equal(
            clv_grid(histories, first, 364), clv_grid(shuffled, first, 364), check_exact=True
        )


def test_a_start_on_a_part_ends_at_the_same_top(monkeypatch: pytest.MonkeyPatch) -> None:
    histories = simulate("mbg_nbd", (0.8, 6.0, 0.9, 2.0), 3000, seed=5)
    histories["repeat_spend"] = spends(histories["repeat_count"].to_numpy(), 5.0, 4.0, 20.0, seed=2)
    whole = fit_clv(histories)
    monkeypatch.setattr("segmentry.value.WARM_START_ROWS", 150)
    pd.testing.assert_frame_equal(whole, fit_clv(histories), rtol=1e-7)


def test_equal_customers_count_as_often_as_they_are() -> None:
    histories = simulate("mbg_nbd", (0.8, 6.0, 0.9, 2.0), 2000, seed=6)
    once, thrice = fit_purchases(histories), fit_purchases(pd.concat([histories] * 3))
    assert (once.r, once.alpha, once.a, once.b) == pytest.approx(
        (thrice.r, thrice.alpha, thrice.a, thrice.b), rel=1e-7
    )
    assert thrice.log_likelihood == pytest.approx(3 * once.log_likelihood, rel=1e-8)


# ---- what should not be claimed ------------------------------------------------------------------


def table(repeats: Any, active: Any, observed: Any, spend: Any) -> pd.DataFrame:
    columns = {
        "repeat_count": repeats,
        "active_days": active,
        "observed_days": observed,
        "repeat_spend": spend,
    }
    return pd.DataFrame(columns, index=range(max(np.size(column) for column in columns.values())))


def loyal(customers: int) -> pd.DataFrame:
    """Customers who never leave."""
    rng = np.random.default_rng(12)
    rate = rng.gamma(1.5, 1 / 10, customers)
    rows = []
    for pace in rate:
        days = np.unique(np.ceil(np.cumsum(rng.exponential(7 / pace, 200))))
        days = days[(days > 0) & (days <= 500)]
        rows.append((len(days), days.max(initial=0), 500, 10.0 * len(days)))
    return pd.DataFrame(rows, columns=[*HISTORY, "repeat_spend"])


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (table([], [], [], []), "0 customers came back"),
        (table(0, 0, 90, [0.0]), "0 customers came back"),
        (table(0, 0, 90, [0.0] * 5000), "0 customers came back"),
        (table(2, 30, 90, [20.0]), "1 customer came back"),
        (table(2, 30, 90, [20.0] * 5000), "no optimum within limits"),
        (table([1, 2] * 400, [30, 60] * 400, 90, [20.0, 40.0] * 400), ""),
        (loyal(1500), "nobody seems to leave"),
    ],
    ids=["nobody", "one_customer", "one_time_buyers", "one_repeat_buyer", "identical", "two_kinds", "loyal"],
)
def test_what_can_not_be_fitted_is_not_claimed(inputs: pd.DataFrame, words: str) -> None:
    fit = fit_clv(inputs).set_index("method")
    assert not fit.loc[METHODS, "fit_ok"].any()
    assert fit.loc[METHODS, "reason"].str.startswith(f"purchases: {words}").all()
    assert fit["is_clv_method"].tolist() == fit["is_churn_method"].tolist() == [False, False, True]
    assert clv_grid(inputs, fit.reset_index(), 364).empty


def test_equal_prices_leave_churn_to_the_model() -> None:
    histories = simulate("mbg_nbd", (0.8, 6.0, 0.9, 2.0), 2000, seed=6)
    fit = fit_clv(histories.assign(repeat_spend=9.99 * histories["repeat_count"])).set_index("method")
    assert fit.loc["mbg_nbd", ["fit_ok", "spend_fit_ok", "is_churn_method"]].tolist() == [True, False, True]
    assert fit.loc["heuristic", "is_clv_method"]
    assert "spend: no optimum" in fit.loc["mbg_nbd", "reason"]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("price", [9.99, 10.0])
def test_equal_prices_have_no_optimum(price: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    repeats = rng.geometric(rng.uniform(0.1, 0.8), int(rng.choice([150, 400, 2000])))
    assert "no optimum" in fit_spend(table(repeats, 30, 90, price * repeats)).problem


@pytest.mark.parametrize("seed", range(12))
def test_nearly_equal_prices_do_not_break_the_fit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    repeats = rng.geometric(rng.uniform(0.1, 0.8), int(rng.choice([150, 400, 2000])))
    spend = (9.99 * repeats + 0.01 * rng.integers(0, 2, len(repeats))).round(2)
    model = fit_spend(table(repeats, 30, 90, spend))
    assert model.problem or np.isfinite([model.p, model.q, model.gamma]).all()


def test_spend_without_an_expectation_is_not_claimed() -> None:
    repeats = np.full(3000, 3)
    found = fit_spend(table(repeats, 30, 90, spends(repeats, 4.0, 0.6, 20.0, seed=9)))
    assert "no finite expectation" in found.problem


def test_dependence_of_spend_on_frequency_is_told_and_not_used_unasked() -> None:
    histories = simulate("mbg_nbd", (0.8, 6.0, 0.9, 2.0), 2000, seed=6)
    spend = spends(histories["repeat_count"].to_numpy(), 5.0, 4.0, 20.0, seed=2)
    histories["repeat_spend"] = spend * histories["repeat_count"]
    for wanted, used in (("auto", "heuristic"), ("mbg_nbd", "mbg_nbd")):
        fit = fit_clv(histories, wanted).set_index("method")
        assert fit.loc["mbg_nbd", "frequency_spend_correlation"] > 0.3
        assert "are related (correlation 0." in fit.loc["mbg_nbd", "reason"]
        assert fit.loc["mbg_nbd", ["fit_ok", "spend_fit_ok", "is_churn_method"]].all()
        assert fit.index[fit["is_clv_method"]].tolist() == [used]


def test_each_method_may_be_asked_for() -> None:
    histories = simulate("mbg_nbd", (0.8, 6.0, 0.9, 2.0), 1000, seed=6)
    histories["repeat_spend"] = spends(histories["repeat_count"].to_numpy(), 5.0, 4.0, 20.0, seed=2)
    for value, churn, tried in [
        ("auto", "auto", ["mbg_nbd", "heuristic"]),
        ("bg_nbd", "auto", ["bg_nbd", "mbg_nbd", "heuristic"]),
        ("heuristic", "bg_nbd", ["bg_nbd", "heuristic"]),
        ("heuristic", "heuristic", ["heuristic"]),
    ]:
        fit = fit_clv(histories, value, churn).set_index("method")
        assert list(fit.index) == tried
        assert fit.index[fit["is_clv_method"]].tolist() == [value.replace("auto", "mbg_nbd")]
        assert fit.index[fit["is_churn_method"]].tolist() == [churn.replace("auto", "mbg_nbd")]


@examples(EXAMPLES)
def test_what_is_claimed_makes_sense(seed: int) -> None:
    """Whatever the customers are like, the method in use has an optimum, and more time never means fewer purchases."""
    rng = np.random.default_rng(seed)
    size = int(rng.choice([20, 150, 400]))
    observed = rng.integers(0, 900, size)
    repeats = np.minimum(
        rng.poisson(rng.gamma(10 ** rng.uniform(-1, 1), rng.choice([0.1, 1, 5]), size)), observed
    )
    active = np.where(repeats > 0, rng.integers(repeats, observed + 1), 0)
    spend = (repeats * rng.lognormal(3, rng.choice([0.0, 0.5, 3.0]), size)).round(2)
    inputs = table(repeats, active, observed, spend)
    fit = fit_clv(inputs)
    assert fit["is_clv_method"].sum() == fit["is_churn_method"].sum() == 1
    near, far = clv_grid(inputs, fit, 91), clv_grid(inputs, fit, 364)
    used = fit[(fit["is_clv_method"] | fit["is_churn_method"]) & (fit["method"] != "heuristic")]
    assert used["fit_ok"].all()
    assert np.isfinite(used[["r", "alpha", "a", "b", "log_likelihood"]].to_numpy(float)).all()
    if fit.loc[fit["is_clv_method"], "method"].item() != "heuristic":
        assert len(near) == len(far) == len(inputs[["repeat_count", "observed_days"]].drop_duplicates())
        assert (near["purchases_if_alive"] >= 0).all()
        assert (far["purchases_if_alive"] >= near["purchases_if_alive"]).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"active_days": 100}, "contradict themselves"),
        ({"active_days": 1}, "contradict themselves"),
        ({"repeat_count": 0}, "contradict themselves"),
        ({"observed_days": -1}, "observed_days"),
        ({"repeat_count": None}, "repeat_count"),
        ({"repeat_spend": math.inf}, "repeat_spend"),
    ],
)
def test_impossible_histories_are_refused(change: dict[str, Any], words: str) -> None:
    good = {"repeat_count": 2.0, "active_days": 30.0, "observed_days": 90.0, "repeat_spend": 5.0}
    inputs = pd.DataFrame([good] * 3 + [good | change])
    with pytest.raises(DataValidationError, match=words):
        fit_clv(inputs)


def test_what_is_missing_or_unknown_is_named() -> None:
    with pytest.raises(DataValidationError, match="active_days"):
        fit_purchases(pd.DataFrame({"repeat_count": [1], "observed_days": [2]}))
    with pytest.raises(ConfigurationError, match="pareto_nbd"):
        fit_clv(table(2, 30, 90, [20.0]), "pareto_nbd")
    with pytest.raises(ConfigurationError, match="pareto_nbd"):
        fit_clv(table(2, 30, 90, [20.0]), "heuristic", "pareto_nbd")
