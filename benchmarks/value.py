"""Measure the fit of value and churn beside lifetimes, when it is installed. Called by run.py; also runs alone.

python benchmarks/value.py [--customers 1000000]
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from segmentry.value import clv_grid, fit_clv

HORIZON_DAYS = 364


def customers_of_three_years(count: int, seed: int = 0) -> pd.DataFrame:
    """Draw histories from MBG/NBD with Gamma-Gamma spend, over up to 1,000 days: few of them are equal."""
    rng = np.random.default_rng(seed)
    rate, leave = rng.gamma(0.6, 1 / 8, count), rng.beta(0.9, 2.0, count)
    observed = rng.integers(0, 1000, count)
    repeats, active = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    at = np.zeros(count)
    here = rng.random(count) >= leave
    while here.any():
        at += 7 * rng.exponential(1 / rate)
        here &= at <= observed
        new_day = here & (np.ceil(at) > active) & (np.ceil(at) <= observed)
        repeats += new_day
        active = np.where(new_day, np.ceil(at), active).astype(np.int64)
        here &= rng.random(count) >= leave
    spend = np.where(
        repeats > 0, rng.gamma(6.0 * np.maximum(repeats, 1), 1 / rng.gamma(4.0, 1 / 15, count)), 0.0
    )
    columns = {"repeat_count": repeats, "active_days": active, "observed_days": observed}
    return pd.DataFrame(columns | {"repeat_spend": spend.round(2)})


def lines(customers: int) -> list[dict[str, Any]]:
    """Seconds for the fit and for the table of expected purchases; a fit beside it by lifetimes."""
    histories = customers_of_three_years(customers)
    # Importing scipy is no part of a fit.
    fit_clv(histories.head(1000))
    fit, wall, busy = timed(lambda: fit_clv(histories))
    _, grid_wall, _ = timed(lambda: clv_grid(histories, fit, HORIZON_DAYS))
    measured = {
        "value, fit: wall": wall,
        "value, fit: CPU": busy,
        "value, expected purchases: wall": grid_wall,
    }
    if importlib.util.find_spec("lifetimes"):
        measured["peer: lifetimes, the same fit: wall"] = lifetimes_seconds(histories)
    return [
        {"line": name, "customers": customers, "value": value, "unit": "s"}
        for name, value in measured.items()
    ]


def lifetimes_seconds(histories: pd.DataFrame) -> float:
    """Wall time of lifetimes on counted histories, which is how it is fast."""
    import lifetimes

    grouped = histories.groupby(["repeat_count", "active_days", "observed_days"]).size().reset_index(name="n")
    back = histories[histories["repeat_count"] > 0]
    weeks = grouped[["active_days", "observed_days"]] / 7

    def fit() -> None:
        purchases = lifetimes.ModifiedBetaGeoFitter()
        purchases.fit(
            grouped["repeat_count"], weeks["active_days"], weeks["observed_days"], weights=grouped["n"]
        )
        spend = lifetimes.GammaGammaFitter()
        spend.fit(back["repeat_count"], back["repeat_spend"] / back["repeat_count"])
        print(purchases.params_.round(4).to_dict(), spend.params_.round(4).to_dict())

    return timed(fit)[1]


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return the result, wall time and CPU time in seconds."""
    wall, busy = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - busy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=1_000_000)
    for line in lines(parser.parse_args().customers):
        print(f"{line['line']:<38}{line['customers']:>12,}{line['value']:>10.2f} {line['unit']}")
