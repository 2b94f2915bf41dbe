"""Hold out the last part of a history and see which method of value and churn would have foreseen it.

The part before is rebuilt by the project's own models, with ``segmentry_as_of`` set to the cut, once per
method; what customers then really did comes from the same models over everything. No method wins everywhere:
this lets users choose on their own data.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pandas as pd

from segmentry._frames import Floats, Schema, require_columns, typed_frame
from segmentry.exceptions import DataValidationError, InsufficientDataError
from segmentry.project import declared_vars
from segmentry.value import Method

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "METHODS",
    "Backtest",
    "backtest_from_files",
    "calibration",
    "holdout_length",
    "plot_backtest",
    "recommendation",
    "score_method",
]

METHODS = tuple(method for method in get_args(Method) if method != "auto")
# Not a method of the project but the least that one should beat: everybody does again what they did last.
FLOOR = "same_again"
# Differences below these are not worth a word.
NOTABLE_SHARE_DIFFERENCE, NOTABLE_RANK_DIFFERENCE, NOTABLE_BRIER_DIFFERENCE = 0.05, 0.01, 0.002
BINS = 10

SCORE_SCHEMA: Schema = {
    "method": "str",
    "customer_count": "int64",
    "purchases_mae": "float64",
    "churn_auc": "float64",
    "churn_brier": "float64",
    "value_spearman": "float64",
    "predicted_purchases": "float64",
    "actual_purchases": "float64",
    "predicted_value": "float64",
    "actual_value": "float64",
    "predicted_churn": "float64",
    "actual_churn": "float64",
}
CALIBRATION_SCHEMA: Schema = {
    "method": "str",
    "bin": "int64",
    "customer_count": "int64",
    "predicted_churn": "float64",
    "actual_churn": "float64",
}
PREDICTED = ["expected_purchases", "churn_risk", "clv"]
ACTUAL = ["actual_purchases", "actual_value"]
USED = ["used_for_value", "used_for_churn"]
_INPUTS = ["+int_segmentry__clv_inputs_counted"]
_ESTIMATE = "int_segmentry__value_estimated"
_REESTIMATED = ["int_segmentry__clv_fitted", "int_segmentry__clv_grid_computed", _ESTIMATE]


@dataclass(frozen=True)
class Backtest:
    """What a backtest found.

    Attributes
    ----------
    cut : datetime.date
        First day that was held out.
    holdout_days : int
        Days that were held out.
    scores : pandas.DataFrame
        One row per method: errors, ranks, totals, and ``used_for_value`` and ``used_for_churn``: the method
        itself, or what stood in for it when it did not fit.
    calibration : pandas.DataFrame
        One row per method and tenth of predicted churn risk that occurs.
    recommendation : str
        What follows, in words.
    """

    cut: date
    holdout_days: int
    scores: pd.DataFrame
    calibration: pd.DataFrame
    recommendation: str


def backtest_from_files(
    events: Path,
    id_history: Path | None,
    output: Path,
    *,
    holdout_days: int | None = None,
    variables: Mapping[str, Any] | None = None,
    on_progress: Callable[[str], None] = lambda line: None,
) -> Backtest:
    """Backtest the methods of value and churn on files; write what was found as tables and a chart.

    Merges of ids are those known today, on both sides of the cut. Value is net spend, without a margin.

    Parameters
    ----------
    events, id_history
        Parquet or CSV files, as for `segmentry.pipeline.build_from_files`.
    output
        Directory for ``clv_backtest.csv``, ``clv_backtest_calibration.csv`` and the chart as SVG and PNG.
    holdout_days
        Days to hold out; None for the churn horizon, at most a third of the history.
    variables
        Vars of the dbt project that override its defaults.
    on_progress
        Called with a line of text for each step.

    Returns
    -------
    Backtest

    Raises
    ------
    DataValidationError
        A file is missing or can't be read, or `holdout_days` is not within the history.
    InsufficientDataError
        The history is too short, or nobody bought before the cut.
    PipelineError
        A build failed.
    """
    settings = dict(variables or {})
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".backtest_", dir=output) as scratch:
        build = _Builder(events, id_history, Path(scratch), settings)
        on_progress("counting purchases")
        days, end = build.purchase_days()
        wanted = holdout_length(days, end, build.churn_horizon) if holdout_days is None else holdout_days
        first = days["order_date"].min().date() if len(days) else end
        if not 0 < wanted < (end - first).days:
            raise DataValidationError(
                f"{wanted} days can't be held out of a history of {(end - first).days} days; "
                "choose at least 1 and fewer than the history has."
            )
        cut = end - timedelta(days=wanted - 1)
        actual = _actual(days, cut)
        predictions: dict[str, pd.DataFrame] = {}
        used: dict[str, dict[str, str]] = {FLOOR: dict.fromkeys(USED, FLOOR)}
        for method in METHODS:
            on_progress(f"estimating as of {cut} by {method}")
            predictions[method], used[method] = build.estimates(method, cut, wanted)
    if predictions[METHODS[0]].empty:
        raise InsufficientDataError(f"Nobody bought before {cut}; hold out fewer days.")
    predictions[FLOOR] = _same_again(days, cut, wanted, predictions[METHODS[0]])
    scores = pd.concat([score_method(name, table, actual) for name, table in predictions.items()])
    for place, purpose in enumerate(USED, start=1):
        scores.insert(place, purpose, [used[name][purpose] for name in predictions])
    bins = pd.concat(
        [calibration(name, table, actual) for name, table in predictions.items() if name != FLOOR]
    )
    found = Backtest(cut, wanted, scores, bins, recommendation(scores))
    scores.to_csv(output / "clv_backtest.csv", index=False)
    bins.to_csv(output / "clv_backtest_calibration.csv", index=False)
    _save_chart(found, output)
    return found


def holdout_length(days: pd.DataFrame, end: date, churn_horizon_days: int) -> int:
    """Choose how many days to hold out: the churn horizon, at most a third of the history.

    Parameters
    ----------
    days
        One row per customer and day with an order: ``order_date``.
    end
        Last day of observation.
    churn_horizon_days
        Days without a purchase that count as churn.

    Returns
    -------
    int
        Days.

    Raises
    ------
    InsufficientDataError
        There is less than three weeks of history.

    Examples
    --------
    >>> days = pd.DataFrame({"order_date": [pd.Timestamp("2024-01-01")]})
    >>> holdout_length(days, date(2024, 12, 31), 182), holdout_length(days, date(2026, 1, 1), 182)
    (121, 182)
    """
    history = (end - days["order_date"].min().date()).days if len(days) else 0
    if history < 21:
        raise InsufficientDataError(
            f"There are {history} days from the first order to the end of observation; a backtest needs 21."
        )
    return min(churn_horizon_days, history // 3)


def score_method(method: str, predicted: pd.DataFrame, actual: pd.DataFrame) -> pd.DataFrame:
    """Compare what was predicted with what happened.

    Parameters
    ----------
    method
        Name for the row.
    predicted
        One row per customer known at the cut: ``customer_id``, ``expected_purchases``, ``churn_risk``,
        ``clv``.
    actual
        One row per customer who bought after the cut: ``customer_id``, ``actual_purchases`` (days with an
        order), ``actual_value``.

    Returns
    -------
    pandas.DataFrame
        One row: mean absolute error of purchases, area under the curve and Brier score of churn, rank
        correlation of value, and totals. A rank measure of what does not vary is NaN.

    Examples
    --------
    >>> columns = ["customer_id", "expected_purchases", "churn_risk", "clv"]
    >>> predicted = pd.DataFrame([["a", 2.0, 0.1, 9.0], ["b", 0.5, 0.8, 1.0]], columns=columns)
    >>> actual = pd.DataFrame({"customer_id": ["a"], "actual_purchases": [3], "actual_value": [20.0]})
    >>> score_method("mine", predicted, actual)[["purchases_mae", "churn_auc"]].values.tolist()
    [[0.75, 1.0]]
    """
    table = _joined(predicted, actual)
    purchases, risk, value = (table[name].to_numpy(np.float64) for name in PREDICTED)
    bought, spent = (table[name].to_numpy(np.float64) for name in ACTUAL)
    churned = bought == 0
    row = {
        "method": method,
        "customer_count": len(table),
        "purchases_mae": np.abs(purchases - bought).mean(),
        "churn_auc": _area(risk, churned),
        "churn_brier": ((risk - churned) ** 2).mean(),
        "value_spearman": _rank_correlation(value, spent),
        "predicted_purchases": purchases.sum(),
        "actual_purchases": bought.sum(),
        "predicted_value": value.sum(),
        "actual_value": spent.sum(),
        "predicted_churn": risk.mean(),
        "actual_churn": churned.mean(),
    }
    return typed_frame([row], SCORE_SCHEMA).round(6)


def calibration(method: str, predicted: pd.DataFrame, actual: pd.DataFrame) -> pd.DataFrame:
    """Compare churn risk with how many churned, in tenths of the risk.

    Parameters
    ----------
    method, predicted, actual
        As for `score_method`.

    Returns
    -------
    pandas.DataFrame
        One row per tenth of predicted risk (bin 1: below .1) that has customers.
    """
    table = _joined(predicted, actual)
    table["bin"] = np.minimum((table["churn_risk"] * BINS).astype(int), BINS - 1) + 1
    table["churned"] = (table["actual_purchases"] == 0).astype(float)
    grouped = table.groupby("bin", sort=True)
    columns = {
        "bin": grouped.size().index,
        "customer_count": grouped.size().to_numpy(),
        "predicted_churn": grouped["churn_risk"].mean().to_numpy(),
        "actual_churn": grouped["churned"].mean().to_numpy(),
    }
    return typed_frame({"method": [method] * len(grouped), **columns}, CALIBRATION_SCHEMA).round(6)


def recommendation(scores: pd.DataFrame) -> str:
    """Say which method to use for value and for churn.

    Parameters
    ----------
    scores
        Rows of `score_method` with the columns ``used_for_value`` and ``used_for_churn``.

    Returns
    -------
    str
        A few sentences.
    """
    methods = scores[scores["method"] != FLOOR]
    value, churn = (methods[methods["method"] == methods[purpose]].set_index("method") for purpose in USED)
    # Value needs the model of purchases and that of spend, churn the former alone.
    unfit = [method for method in METHODS if method not in churn.index]
    only_churn = [method for method in METHODS if method in churn.index and method not in value.index]
    missing = f" Did not fit: {', '.join(unfit)}." if unfit else ""
    missing += f" For churn alone, since spend did not fit: {', '.join(only_churn)}." if only_churn else ""
    floor = scores.loc[scores["method"] == FLOOR, "value_spearman"].max()
    beaten = ""
    if floor > value["value_spearman"].max() + NOTABLE_RANK_DIFFERENCE:
        beaten = (
            f" What customers spent in the period before ranks them better (rank correlation {floor:.2f}):"
            " for a ranking alone, revenue is enough."
        )
    return f"Value: {_value_verdict(value)}. Churn: {_churn_verdict(churn)}.{beaten}{missing}"


class _Builder:
    """Builds parts of the project over the user's files, in a directory of its own."""

    def __init__(
        self, events: Path, id_history: Path | None, scratch: Path, variables: Mapping[str, Any]
    ) -> None:
        name = "segmentry_churn_horizon_days"
        self.churn_horizon = int(variables.get(name, declared_vars()[name]))
        self._sources, self._scratch, self._variables = (events, id_history), scratch, variables
        self._is_built = False

    def purchase_days(self) -> tuple[pd.DataFrame, date]:
        """Days with an order of every customer, and the last day of observation.

        Refunds that name no order lower all days of the customer in proportion, as they do where value is
        estimated.
        """
        database = self._build("all", _INPUTS, {})
        days = _read(
            database,
            """
            with spends as (
                select
                    customer_id,
                    order_date,
                    cast(gross_amount - refund_amount as double) as spend,
                    cast(sum(gross_amount - refund_amount) over (partition by customer_id) as double) as total
                from segmentry_internal.int_segmentry__purchase_days_built
            )

            select
                spends.customer_id,
                spends.order_date,
                spends.spend * coalesce(
                    cast(buyers.net_revenue as double) / nullif(greatest(spends.total, 0), 0), 0
                ) as spend
            from spends
            inner join segmentry_internal.int_segmentry__clv_inputs_counted as buyers
                on spends.customer_id = buyers.customer_id
            order by spends.customer_id, spends.order_date
            """,
        )
        end = _read(database, "select observation_end_date as day from segmentry_internal.int_segmentry__run")
        return days, pd.Timestamp(end["day"][0]).date()

    def estimates(self, method: str, cut: date, horizon: int) -> tuple[pd.DataFrame, dict[str, str]]:
        """Estimates as of the cut by a method, and the methods that were really used for value and churn."""
        settings = {
            "segmentry_as_of": str(cut),
            "segmentry_clv_method": method,
            "segmentry_churn_method": method,
            "segmentry_clv_horizon_days": horizon,
            "segmentry_churn_horizon_days": horizon,
            "segmentry_gross_margin": 1.0,
        }
        database = self._build("cut", _REESTIMATED if self._is_built else [f"+{_ESTIMATE}"], settings)
        self._is_built = True
        table = _read(
            database,
            "select customer_id, expected_purchases, churn_risk, cast(clv as double) as clv "
            f"from segmentry_internal.{_ESTIMATE} order by customer_id",
        )
        used = _read(
            database,
            """
            select
                max(case when is_clv_method then method end) as used_for_value,
                max(case when is_churn_method then method end) as used_for_churn
            from segmentry_internal.int_segmentry__clv_fitted
            """,
        )
        return table, {purpose: str(used[purpose][0]) for purpose in USED}

    def _build(self, name: str, select: Sequence[str], settings: Mapping[str, Any]) -> Path:
        from segmentry.pipeline import build_from_files

        variables = {**self._variables, **settings}
        return build_from_files(
            *self._sources, self._scratch / name, variables=variables, select=select
        ).database


def _read(database: Path, query: str) -> pd.DataFrame:
    import duckdb

    with duckdb.connect(str(database)) as connection:
        table: pd.DataFrame = connection.sql(query).df()
    return table


def _actual(days: pd.DataFrame, cut: date) -> pd.DataFrame:
    return _sums(days[days["order_date"] >= pd.Timestamp(cut)], ACTUAL)


def _same_again(days: pd.DataFrame, cut: date, length: int, known: pd.DataFrame) -> pd.DataFrame:
    """Predict that everybody does what they did in the period before the cut."""
    start, end = pd.Timestamp(cut - timedelta(days=length)), pd.Timestamp(cut)
    last = _sums(
        days[(days["order_date"] >= start) & (days["order_date"] < end)], ["expected_purchases", "clv"]
    )
    table = known[["customer_id"]].merge(last, on="customer_id", how="left").fillna(0.0)
    return table.assign(churn_risk=(table["expected_purchases"] == 0).astype(float))


def _sums(days: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    grouped = days.groupby("customer_id", sort=True)["spend"].agg(["size", "sum"])
    return grouped.astype(float).set_axis(list(names), axis=1).reset_index()


def _joined(predicted: pd.DataFrame, actual: pd.DataFrame) -> pd.DataFrame:
    require_columns(predicted, ["customer_id", *PREDICTED], "The table of predictions")
    require_columns(actual, ["customer_id", *ACTUAL], "The table of what happened")
    table = predicted[["customer_id", *PREDICTED]].merge(actual, on="customer_id", how="left")
    return table.fillna(dict.fromkeys(ACTUAL, 0.0)).sort_values("customer_id", ignore_index=True)


def _area(scores: Floats, is_positive: Any) -> float:
    """Probability that a positive is scored above a negative; ties count half."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(is_positive, scores)) if np.ptp(is_positive.astype(int)) else float("nan")


def _rank_correlation(one: Floats, other: Floats) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic) if np.ptp(one) and np.ptp(other) else float("nan")


def _value_verdict(fitted: pd.DataFrame) -> str:
    """Prefer the nearest total, which budgets rest on; among totals that are as near, the better ranking."""
    shares = fitted["predicted_value"] / fitted["actual_value"].where(fitted["actual_value"] > 0)
    if shares.isna().any():
        return "nobody spent anything in the days held out, so nothing can be told"
    miss = (shares - 1).abs()
    near = fitted["value_spearman"].fillna(0)[miss <= miss.min() + NOTABLE_SHARE_DIFFERENCE]
    chosen, ranks = near.idxmax(), fitted["value_spearman"]
    numbers = ", ".join(f"{method} {share:.0%}" for method, share in shares.items())
    words = f"set segmentry_clv_method to {chosen}, whose total is near what was spent ({numbers} of it)"
    if ranks.max() > ranks[chosen] + NOTABLE_RANK_DIFFERENCE:
        pairs = ", ".join(f"{method} {rank:.2f}" for method, rank in ranks.items())
        words += f"; {ranks.idxmax()} ranks customers better (rank correlation {pairs})"
    return words


def _churn_verdict(fitted: pd.DataFrame) -> str:
    errors = fitted["churn_brier"].sort_values(kind="stable")
    numbers = ", ".join(f"{method} {error:.3f}" for method, error in errors.items())
    close = [
        str(method) for method, error in errors.items() if error - errors.iloc[0] < NOTABLE_BRIER_DIFFERENCE
    ]
    if len(close) > 1:
        return f"{' and '.join(close)} do equally well (Brier score, lower is better: {numbers}); take either"
    return f"set segmentry_churn_method to {close[0]} (Brier score, lower is better: {numbers})"


def _save_chart(found: Backtest, output: Path) -> None:
    from segmentry.report.charts import save_chart

    figure = plot_backtest(found)
    for ending in ("svg", "png"):
        save_chart(figure, output / f"clv_backtest.{ending}")


def plot_backtest(found: Backtest) -> Figure:
    """Draw predicted against actual: churn in tenths of risk, and the totals.

    Parameters
    ----------
    found
        What a backtest found.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    from segmentry.report.charts import BAR, report_style
    from segmentry.report.palette import LIGHT, text_on

    value, churn = (found.scores[found.scores["method"] == found.scores[purpose]] for purpose in USED)
    colours = dict(zip(METHODS, LIGHT, strict=False)) | {FLOOR: BAR}
    with report_style():
        figure = Figure(figsize=(12, 5.6), layout=ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.12))
        left, right = figure.subplots(1, 2)
        left.plot([0, 1], [0, 1], color=colours[FLOOR], linewidth=1)
        for method, marker in zip(METHODS, "osD", strict=True):
            bins = found.calibration[found.calibration["method"] == method]
            if method in set(churn["method"]):
                look = {"color": colours[method], "marker": marker, "label": method.replace("_", " ")}
                left.plot(bins["predicted_churn"], bins["actual_churn"], linewidth=2, **look)
        left.set(xlabel="predicted risk of no purchase", ylabel="share without a purchase")
        left.set(xlim=(0, 1), ylim=(0, 1))
        left.set_title(f"Churn in {found.holdout_days} days from {found.cut}")
        left.legend(loc="upper left")
        totals = zip(value["method"], value["predicted_value"], value["actual_value"], strict=True)
        for row, (method, predicted, real) in enumerate(totals):
            share = predicted / real if real else 0.0
            right.barh(row, share, height=0.5, color=colours[method])
            inside = share > 0.2
            right.annotate(
                f"{share:.0%}",
                (share, row),
                xytext=(-6 if inside else 6, 0),
                textcoords="offset points",
                ha="right" if inside else "left",
                va="center",
                fontweight="bold",
                color=text_on(colours[method]) if inside else text_on("#ffffff"),
            )
        right.axvline(1, color=text_on("#ffffff"), linewidth=1)
        right.set_yticks(range(len(value)), [method.replace("_", " ") for method in value["method"]])
        right.set_ylim(len(value) - 0.4, -0.6)
        right.set_xticks([0, 1], ["0", "actual"])
        right.set_title("Predicted spend, of actual")
    return figure
