"""Value and churn: models of how often customers buy, until when, and how much they spend.

Buying is a Poisson process whose rate differs between customers (gamma); after a purchase a customer
leaves for good with a probability that differs between customers (beta): BG/NBD [1]_. MBG/NBD [2]_ lets
customers leave after their first purchase too. Mean spend is a gamma of gamma means, independent of the
rate [3]_ [4]_. This module fits them and computes the one quantity without a closed form in SQL, where
customers are scored.

An occasion is a day with an order; x counts those after the first. Times are in weeks.

References
----------
.. [1] Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting your customers" the easy way: an
   alternative to the Pareto/NBD model. Marketing Science 24(2), 275-284.
.. [2] Batislam, E. P., Denizel, M. and Filiztekin, A. (2007). Empirical validation and comparison of models
   for customer base analysis. International Journal of Research in Marketing 24(3), 201-209.
.. [3] Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). RFM and CLV: using iso-value curves for customer
   base analysis. Journal of Marketing Research 42(4), 415-430.
.. [4] Fader, P. S. and Hardie, B. G. S. (2013). The gamma-gamma model of monetary value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from segmentry._frames import Floats, Ints, Schema, require_columns, typed_frame
from segmentry.exceptions import ConfigurationError, DataValidationError

__all__ = [
    "Method",
    "PurchaseMethod",
    "PurchaseModel",
    "SpendModel",
    "clv_grid",
    "fit_clv",
    "fit_purchases",
    "fit_spend",
    "purchases_if_alive",
]

_Likelihood = Callable[[Floats], tuple[float, Floats]]
PurchaseMethod = Literal["mbg_nbd", "bg_nbd"]
Method = Literal["auto", "mbg_nbd", "bg_nbd", "heuristic"]

DAYS_PER_WEEK = 7
# Fewer customers who came back than this say too little about four parameters.
MINIMUM_REPEAT_CUSTOMERS = 100
# A parameter that runs to one of these limits has no optimum: the data lack what it would describe.
LOWEST, HIGHEST = 1e-4, 1e4
# But for a: from here on customers differ in their probability to leave by about 14 % at most, which is no
# fault, and powers of a leave the range of doubles.
HIGHEST_A = 50
# Share of customers who leave after a purchase, a / (a + b), below which nobody seems to leave at all.
MINIMUM_DROPOUT = 1e-3
# Frequency and spend are taken to be independent. Above this correlation value shifts between groups.
HIGHEST_CORRELATION = 0.3
# The fit begins on about as many rows, so that a million customers cost little more than the last few steps.
WARM_START_ROWS = 20_000
# Parameters are used as they are stored: with as many digits as the optimum is known to.
SIGNIFICANT_DIGITS = 9

FIT_SCHEMA: Schema = {
    "method": "str",
    "r": "float64",
    "alpha": "float64",
    "a": "float64",
    "b": "float64",
    "p": "float64",
    "q": "float64",
    "gamma": "float64",
    "log_likelihood": "float64",
    "customer_count": "int64",
    "repeat_customer_count": "int64",
    "frequency_spend_correlation": "float64",
    "fit_ok": "bool",
    "spend_fit_ok": "bool",
    "reason": "str",
    "is_clv_method": "bool",
    "is_churn_method": "bool",
}
GRID_SCHEMA: Schema = {"repeat_count": "int64", "observed_days": "int64", "purchases_if_alive": "float64"}


@dataclass(frozen=True)
class PurchaseModel:
    """A fitted BG/NBD or MBG/NBD model.

    Attributes
    ----------
    method : {"mbg_nbd", "bg_nbd"}
        Whether customers may leave after their first purchase (``mbg_nbd``) or only after a later one.
    r, alpha : float
        Shape and rate (weeks) of the gamma distribution of purchases a week.
    a, b : float
        Parameters of the beta distribution of the probability to leave after a purchase.
    log_likelihood : float
        Of all customers; NaN when the parameters were not fitted.
    problem : str
        Why the model should not be used; empty when it may be.
    """

    method: PurchaseMethod
    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float = math.nan
    problem: str = ""


@dataclass(frozen=True)
class SpendModel:
    """A fitted Gamma-Gamma model of the mean spend of an occasion.

    Attributes
    ----------
    p, q, gamma : float
        Spend of an occasion is gamma with shape p; its rate is gamma with shape q and rate gamma (currency).
    correlation : float
        Pearson correlation of repeat occasions and mean spend, which the model takes to be 0.
    problem : str
        Why the model should not be used; empty when it may be.
    """

    p: float
    q: float
    gamma: float
    correlation: float = math.nan
    problem: str = ""

    @property
    def is_dependent(self) -> bool:
        """Whether frequency and spend depend on each other more than the model can bear."""
        return abs(self.correlation) > HIGHEST_CORRELATION


@dataclass(frozen=True)
class _Optimum:
    values: list[float]
    height: float
    at_limit: list[bool]


def fit_purchases(histories: pd.DataFrame, method: PurchaseMethod = "mbg_nbd") -> PurchaseModel:
    """Fit how often customers buy and when they leave, by maximum likelihood.

    Customers with the same history are one term of the likelihood, in sorted order, so that the result
    depends neither on the order of the rows nor on threads.

    Parameters
    ----------
    histories
        One row per customer with an order, shape (n, >= 3): ``repeat_count`` (occasions after the first),
        ``active_days`` (first to last occasion) and ``observed_days`` (first occasion to the end of
        observation).
    method
        ``mbg_nbd`` or ``bg_nbd``.

    Returns
    -------
    PurchaseModel
        Parameters are NaN when there was too little to fit.

    Raises
    ------
    DataValidationError
        A column is missing, a value is missing or negative, or a history contradicts itself.

    Examples
    --------
    >>> few = pd.DataFrame({"repeat_count": [0, 2], "active_days": [0, 30], "observed_days": [90, 90]})
    >>> fit_purchases(few).problem
    '1 customer came back; at least 100 are needed'
    """
    groups = _grouped(histories)
    repeats, _, observed, counts = groups
    returned = int(counts[repeats > 0].sum())
    if returned < MINIMUM_REPEAT_CUSTOMERS:
        return PurchaseModel(method, math.nan, math.nan, math.nan, math.nan, problem=_too_few(returned))
    weekly = DAYS_PER_WEEK * float(counts @ repeats) / float(counts @ observed)
    start, highest = [0.5, 0.5 / weekly, 1.0, 1.0], [HIGHEST, HIGHEST, HIGHEST_A, HIGHEST]
    optimum = _maximise(partial(_PurchaseLikelihood, method=method), groups, start, highest)
    r, alpha, a, b = optimum.values
    all_alike = a > 1 and optimum.at_limit[2]
    total = optimum.height * float(counts.sum())
    problem = ""
    if a / (a + b) <= MINIMUM_DROPOUT:
        problem = f"nobody seems to leave (a / (a + b) is {a / (a + b):.2g})"
    elif sum(optimum.at_limit) > all_alike:
        problem = _no_optimum("r, alpha, a, b", optimum)
    return PurchaseModel(method, r, alpha, a, b, _significant(total), problem)


def fit_spend(histories: pd.DataFrame) -> SpendModel:
    """Fit what customers spend on an occasion, over those who came back and paid something.

    Parameters
    ----------
    histories
        One row per customer, shape (n, >= 2): ``repeat_count`` and ``repeat_spend``, the sum spent on those
        occasions, in currency.

    Returns
    -------
    SpendModel
        Parameters are NaN when there was too little to fit or everybody spends the same.

    Raises
    ------
    DataValidationError
        A column is missing, or a value is missing or negative.

    Examples
    --------
    >>> fit_spend(pd.DataFrame({"repeat_count": [2], "repeat_spend": [10.0]})).problem
    '1 customer came back and paid; at least 100 are needed'
    """
    repeats, spend = _numbers(histories, ["repeat_count", "repeat_spend"])
    paid = (repeats > 0) & (spend > 0)
    if paid.sum() < MINIMUM_REPEAT_CUSTOMERS:
        return SpendModel(math.nan, math.nan, math.nan, problem=_too_few(int(paid.sum()), " and paid"))
    order = np.lexsort((spend[paid], repeats[paid]))
    repeats, spend = repeats[paid][order], spend[paid][order]
    means = spend / repeats
    scale = float(means.mean())
    if np.ptp(means) <= 1e-9 * scale:
        # The climb would stop anywhere on its way to the limits.
        problem = "no optimum, everybody spends the same on an occasion"
        return SpendModel(math.nan, math.nan, math.nan, problem=problem)
    optimum = _maximise(_SpendLikelihood, [repeats, spend / scale], [2.0] * 3, [HIGHEST] * 3)
    p, q = optimum.values[:2]
    problem = ""
    if any(optimum.at_limit):
        problem = _no_optimum("p, q, gamma", optimum)
    elif q <= 1:
        problem = f"mean spend has no finite expectation (q is {q:.3g}, at most 1)"
    gamma = _significant(optimum.values[2] * scale)
    return SpendModel(p, q, gamma, _correlation(repeats, means), problem)


def purchases_if_alive(model: PurchaseModel, repeats: Any, observed: Any, horizon: float) -> Floats:
    """Expect purchases within a horizon from customers who have not left.

    Times the probability of not having left this is the expected number of purchases.

    Parameters
    ----------
    model
        A fitted model.
    repeats, observed
        Occasions after the first and weeks since the first, shape (n,) each.
    horizon
        Weeks ahead.

    Returns
    -------
    numpy.ndarray
        Shape (n,), purchases.

    Examples
    --------
    >>> cdnow = PurchaseModel("bg_nbd", 0.2426, 4.4135, 0.7929, 2.4258)
    >>> purchases_if_alive(cdnow, [2], [38.86], 39.0).round(4).tolist()
    [1.6872]
    """
    x, weeks = np.asarray(repeats, dtype=np.float64), np.asarray(observed, dtype=np.float64)
    step = 0.03
    if abs(model.a - 1) >= step:
        return _purchases_if_alive(model, model.a, x, weeks, horizon)
    # The formula divides what is left of a difference by a - 1, the function itself is smooth there: take the
    # polynomial through eight points beside 1. A smaller step loses digits, a larger one strays.
    nodes = 1 + step * np.array([-4.0, -3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0])
    parts = [
        math.prod((model.a - other) / (node - other) for other in nodes if other != node)
        * _purchases_if_alive(model, float(node), x, weeks, horizon)
        for node in nodes
    ]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float64)


def fit_clv(inputs: pd.DataFrame, clv_method: str = "auto", churn_method: str = "auto") -> pd.DataFrame:
    """Fit what value and churn need, and decide which method each of them uses.

    Parameters
    ----------
    inputs
        One row per customer with an order: ``repeat_count``, ``active_days``, ``observed_days``,
        ``repeat_spend``.
    clv_method, churn_method
        ``heuristic``, ``mbg_nbd``, ``bg_nbd``, or ``auto``: MBG/NBD if it can be used, else BG/NBD. What
        can't be used gives way to the heuristic. Value needs the model of spend too, churn does not; under
        ``auto`` value also needs spend to be nearly independent of frequency.

    Returns
    -------
    pandas.DataFrame
        One row per method tried, the heuristic last; one of them is the method of value, one that of churn.

    Raises
    ------
    ConfigurationError
        A method is unknown.
    DataValidationError
        The input can't be used, see `fit_purchases`.

    Examples
    --------
    >>> days = {"active_days": [0], "observed_days": [9]}
    >>> few = pd.DataFrame({"repeat_count": [0], "repeat_spend": [0.0], **days})
    >>> fit_clv(few)[["method", "fit_ok", "is_clv_method"]].values.tolist()
    [['mbg_nbd', False, False], ['bg_nbd', False, False], ['heuristic', False, True]]
    """
    candidates = {"is_clv_method": _candidates(clv_method), "is_churn_method": _candidates(churn_method)}
    chosen = dict.fromkeys(candidates, "heuristic")
    fitted: dict[PurchaseMethod, PurchaseModel] = {}
    for purpose, methods in candidates.items():
        for method in methods:
            model = fitted[method] = fitted.get(method) or fit_purchases(inputs, method)
            if not model.problem:
                chosen[purpose] = method
                break
    rows: list[dict[str, Any]] = []
    if fitted:
        spend = fit_spend(inputs)
        if spend.problem or (clv_method == "auto" and spend.is_dependent):
            chosen["is_clv_method"] = "heuristic"
        rows = [_fit_row(model, spend) for model in fitted.values()]
    counts = {
        "customer_count": len(inputs),
        "repeat_customer_count": int((inputs["repeat_count"] > 0).sum()) if len(inputs) else 0,
    }
    rows.append(
        {"method": "heuristic", "fit_ok": False, "spend_fit_ok": False, "reason": "a rule that needs no fit"}
    )
    for row in rows:
        row |= counts | {purpose: row["method"] == method for purpose, method in chosen.items()}
    return typed_frame(rows, FIT_SCHEMA)


def clv_grid(inputs: pd.DataFrame, fit: pd.DataFrame, horizon_days: int) -> pd.DataFrame:
    """Tabulate expected purchases of customers who have not left, for the histories that occur.

    Parameters
    ----------
    inputs
        One row per customer with an order: ``repeat_count``, ``observed_days``.
    fit
        What `fit_clv` returned.
    horizon_days
        Days ahead.

    Returns
    -------
    pandas.DataFrame
        One row per repeat count and observed days; none when value comes from the heuristic. Numbers that
        are not finite are left out: those customers keep the heuristic.

    Examples
    --------
    >>> days = {"active_days": [0], "observed_days": [9]}
    >>> few = pd.DataFrame({"repeat_count": [0], "repeat_spend": [0.0], **days})
    >>> clv_grid(few, fit_clv(few), 364).shape
    (0, 3)
    """
    chosen = fit[fit["is_clv_method"] & (fit["method"] != "heuristic")]
    if chosen.empty:
        return typed_frame([], GRID_SCHEMA)
    row = chosen.iloc[0]
    model = PurchaseModel(row["method"], row["r"], row["alpha"], row["a"], row["b"])
    pairs = inputs[["repeat_count", "observed_days"]].drop_duplicates()
    pairs = pairs.sort_values(["repeat_count", "observed_days"], ignore_index=True)
    weeks = pairs["observed_days"].to_numpy(np.float64) / DAYS_PER_WEEK
    expected = purchases_if_alive(model, pairs["repeat_count"], weeks, horizon_days / DAYS_PER_WEEK)
    rows = {name: pairs[name].to_numpy() for name in pairs} | {"purchases_if_alive": expected.round(12)}
    finite = np.isfinite(expected)
    return typed_frame({str(name): column[finite] for name, column in rows.items()}, GRID_SCHEMA)


class _PurchaseLikelihood:
    """Mean log-likelihood and its gradient by the logarithms of r, alpha, a, b.

    Terms in x alone are computed once per x, logarithms of times once per day: histories are many, days
    are few.
    """

    def __init__(
        self, repeats: Ints, active: Ints, observed: Ints, counts: Ints, method: PurchaseMethod
    ) -> None:
        self._n = counts / counts.sum()
        self._active, self._observed = active, observed
        self._weeks = np.arange(observed.max() + 1) / DAYS_PER_WEEK
        self._x, self._place = np.unique(repeats, return_inverse=True)
        self._n_x = np.bincount(self._place, weights=self._n)
        self._n_observed = np.bincount(observed, weights=self._n)
        self._nx_observed = np.bincount(observed, weights=self._n * repeats)
        self._k = 1 if method == "mbg_nbd" else 0
        self._may_leave = self._x + self._k > 0

    def __call__(self, logarithms: Floats) -> tuple[float, Floats]:
        from scipy.special import digamma, gammaln

        r, alpha, a, b = np.exp(logarithms)
        x, n_x = self._x, self._n_x
        stayed = b + x + self._k
        before = np.where(self._may_leave, stayed - 1, 1.0)
        left = np.where(self._may_leave, logarithms[2] - np.log(before), -np.inf)
        log_time, inverse_time = np.log(alpha + self._weeks), 1 / (alpha + self._weeks)
        shape_observed = r * self._n_observed + self._nx_observed
        # Logarithm of the odds of having left after the last purchase against being here still.
        log_lapse = log_time[self._observed] - log_time[self._active]
        odds = left[self._place] + (r + x)[self._place] * log_lapse
        rest = np.exp(-np.abs(odds))
        weight = self._n * np.where(odds > 0, 1, rest) / (1 + rest)
        weight_x = np.bincount(self._place, weights=weight)
        total = float(
            n_x @ (gammaln(r + x) + gammaln(stayed) - gammaln(a + stayed))
            - gammaln(r)
            + r * logarithms[1]
            - gammaln(b)
            + gammaln(a + b)
            - shape_observed @ log_time
            + float((self._n * (np.maximum(odds, 0) + np.log1p(rest))).sum())
        )
        by_r = (
            n_x @ digamma(r + x)
            - digamma(r)
            + logarithms[1]
            - self._n_observed @ log_time
            + (weight * log_lapse).sum()
        )
        lapse = np.bincount(
            self._place, weights=weight * (inverse_time[self._observed] - inverse_time[self._active])
        )
        by_alpha = r / alpha - shape_observed @ inverse_time + (r + x) @ lapse
        both = digamma(a + b) - n_x @ digamma(a + stayed)
        by_a = both + weight_x.sum() / a
        by_b = both + n_x @ digamma(stayed) - digamma(b) - weight_x @ (self._may_leave / before)
        return total, np.array([by_r * r, by_alpha * alpha, by_a * a, by_b * b])


class _SpendLikelihood:
    """Mean log-likelihood, up to a constant, and its gradient by the logarithms of p, q, gamma."""

    def __init__(self, repeats: Floats, spend: Floats) -> None:
        self._spend = spend
        self._x, self._place = np.unique(repeats, return_inverse=True)
        self._n_x = np.bincount(self._place) / len(spend)
        self._log_spend_x = np.bincount(self._place, weights=np.log(spend)) / len(spend)

    def __call__(self, logarithms: Floats) -> tuple[float, Floats]:
        from scipy.special import digamma, gammaln

        p, q, gamma = np.exp(logarithms)
        x, n_x, count = self._x, self._n_x, len(self._spend)
        whole = gamma + self._spend
        log_whole_x = np.bincount(self._place, weights=np.log(whole)) / count
        inverse_x = np.bincount(self._place, weights=1 / whole) / count
        total = float(
            n_x @ (gammaln(p * x + q) - gammaln(p * x))
            - gammaln(q)
            + q * logarithms[2]
            + p * (x @ self._log_spend_x)
            - (p * x + q) @ log_whole_x
        )
        by_p = (n_x * x) @ (digamma(p * x + q) - digamma(p * x)) + x @ (self._log_spend_x - log_whole_x)
        by_q = n_x @ digamma(p * x + q) - digamma(q) + logarithms[2] - log_whole_x.sum()
        by_gamma = q / gamma - (p * x + q) @ inverse_x
        return total, np.array([by_p * p, by_q * q, by_gamma * gamma])


def _maximise(
    likelihood: Callable[..., _Likelihood],
    columns: Sequence[Any],
    start: Sequence[float],
    highest: Sequence[float],
) -> _Optimum:
    """Climb within the limits, then solve for a gradient of 0, which is known to more digits than the height.

    The climb begins on a part of the rows, every so many of them, which costs little and ends near the top.
    """
    from scipy.optimize import minimize, root

    low, high = np.full(len(start), math.log(LOWEST)), np.log(highest)
    bounds = list(zip(low, high, strict=True))
    options = {"maxiter": 1000, "ftol": 1e-10, "gtol": 1e-7}
    best = np.clip(np.log(start), low, high)
    stride = max(len(columns[0]) // WARM_START_ROWS, 1)
    for step in sorted({stride, 1}, reverse=True):
        surface = likelihood(*(column[::step] for column in columns))

        def descent(logarithms: Floats, surface: _Likelihood = surface) -> tuple[float, Floats]:
            height, gradient = surface(logarithms)
            return -height, -gradient

        best = minimize(descent, best, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    with np.errstate(all="ignore"):
        solved = root(lambda logarithms: surface(logarithms)[1], best, options={"xtol": 1e-12})
    # A solution far away is another stationary point, or none.
    if solved.success and np.max(np.abs(solved.x - best)) < 0.01:
        best = solved.x
    at_limit = (best < low + 0.01) | (best > high - 0.01)
    values = [_significant(value) for value in np.exp(best)]
    return _Optimum(values, surface(best)[0], at_limit.tolist())


def _purchases_if_alive(model: PurchaseModel, a: float, x: Floats, weeks: Floats, horizon: float) -> Floats:
    from scipy.special import hyp2f1

    k = 1 if model.method == "mbg_nbd" else 0
    z = horizon / (model.alpha + weeks + horizon)
    shape = a + model.b + x - 1 + k
    series = hyp2f1(a + model.b - 1 - model.r + k, a - 1, shape, z)
    return np.asarray(shape / (a - 1) * (1 - (1 - z) ** (a - 1) * series), dtype=np.float64)


def _grouped(histories: pd.DataFrame) -> tuple[Ints, Ints, Ints, Ints]:
    """Count equal histories: repeats, active days, observed days, customers; sorted."""
    columns = _numbers(histories, ["repeat_count", "active_days", "observed_days"])
    repeats, active, observed = (column.astype(np.int64) for column in columns)
    wrong = (active > observed) | (active < repeats) | ((repeats == 0) & (active > 0))
    if wrong.any():
        raise DataValidationError(
            f"{int(wrong.sum())} purchase histories contradict themselves: a customer who came back x times "
            "was active for at least x days and at most for the days observed. "
            "Look at the query that counts them."
        )
    # One number per history sorts faster than three.
    base = int(observed.max(initial=0)) + 1
    keys, counts = np.unique((repeats * base + active) * base + observed, return_counts=True)
    return keys // base**2, keys // base % base, keys % base, counts.astype(np.int64)


def _numbers(frame: pd.DataFrame, columns: Sequence[str]) -> list[Floats]:
    require_columns(frame, columns, "The table of purchase histories")
    values = [frame[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in columns]
    bad = [
        name
        for name, column in zip(columns, values, strict=True)
        if not np.all((column >= 0) & np.isfinite(column))
    ]
    if bad:
        raise DataValidationError(
            f"The table of purchase histories has missing or negative values in {', '.join(bad)}; "
            "counts, days and spend are at least 0. Look at the query that counts them."
        )
    return values


def _fit_row(model: PurchaseModel, spend: SpendModel) -> dict[str, Any]:
    problems = [f"purchases: {model.problem}"] if model.problem else []
    problems += [f"spend: {spend.problem}"] if spend.problem else []
    reason = "; ".join(problems) or "fits"
    if not problems and spend.is_dependent:
        reason += (
            f"; but how often customers buy and what they spend each time are related (correlation"
            f" {spend.correlation:.2f}), which the model rules out: it gives value only where"
            " segmentry_clv_method names it"
        )
    return {
        "method": model.method,
        **{name: getattr(model, name) for name in ("r", "alpha", "a", "b", "log_likelihood")},
        **{name: getattr(spend, name) for name in ("p", "q", "gamma")},
        "frequency_spend_correlation": spend.correlation,
        "fit_ok": not model.problem,
        "spend_fit_ok": not spend.problem,
        "reason": reason,
    }


def _candidates(method: str) -> tuple[PurchaseMethod, ...]:
    if method not in get_args(Method):
        raise ConfigurationError(
            f"The method {method!r} is unknown; choose one of {', '.join(get_args(Method))}."
        )
    known: tuple[PurchaseMethod, ...] = get_args(PurchaseMethod)
    return tuple(each for each in known if method in ("auto", each))


def _correlation(repeats: Floats, means: Floats) -> float:
    if np.ptp(repeats) == 0 or np.ptp(means) == 0:
        return 0.0
    x, y = repeats - repeats.mean(), means - means.mean()
    return _significant((x * y).sum() / math.sqrt((x * x).sum() * (y * y).sum()))


def _significant(value: Any) -> float:
    return float(f"{float(value):.{SIGNIFICANT_DIGITS}g}")


def _too_few(found: int, doing: str = "") -> str:
    noun = "customer" if found == 1 else "customers"
    return f"{found} {noun} came back{doing}; at least {MINIMUM_REPEAT_CUSTOMERS} are needed"


def _no_optimum(names: str, optimum: _Optimum) -> str:
    values = ", ".join(f"{value:.3g}" for value in optimum.values)
    return f"no optimum within limits ({names} at {values})"
