"""Profiles of customers from events: the project's SQL and its models of value, on frames.

Formulas, units and what NULL means: docs/methods/profiles.md and docs/methods/value.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from segmentry._frames import arrow_table
from segmentry.exceptions import DataValidationError, ProfileBuildError
from segmentry.identity import MergeResolution

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "ProfileBuilder",
    "aggregate_categories",
    "aggregate_purchases",
    "aggregate_sessions",
    "aggregate_temporal",
    "calculate_clv_estimate",
]

Method = Literal["auto", "mbg_nbd", "bg_nbd", "heuristic"]

NEEDED = ("customer_id", "event_at", "event_type")
PURCHASES = "int_segmentry__revenue_aggregated"
SESSIONS = "int_segmentry__engagement_aggregated"
TIMES = "int_segmentry__temporal_aggregated"
CATEGORIES = "segmentry__customer_category_affinity"
VALUE = "int_segmentry__value_estimated"
PROFILES = "int_segmentry__profiles_joined"
# One set of targets for every door, so that a process compiles once for given vars.
TARGETS = (PURCHASES, SESSIONS, TIMES, CATEGORIES, VALUE, PROFILES)


class ProfileBuilder:
    """Builds a profile of every customer.

    Parameters
    ----------
    variables : mapping, optional
        Vars of the dbt project that override its defaults, such as ``{"segmentry_session_gap_minutes": 60}``.

    Raises
    ------
    ConfigurationError
        When profiles are built: a var has a value that it can't have.

    Examples
    --------
    >>> import pandas as pd
    >>> events = pd.DataFrame(
    ...     {
    ...         "customer_id": ["a", "a", "b"],
    ...         "event_at": ["2026-01-01 10:00", "2026-01-31 10:00", "2026-01-15 09:00"],
    ...         "event_type": ["purchase", "purchase", "page_view"],
    ...         "amount": [10, 20, None],
    ...     }
    ... )
    >>> profiles = ProfileBuilder().build_profiles(events)
    >>> profiles[["customer_id", "order_count", "gap_mean", "behaviour_type"]].values.tolist()
    [['a', 2, 30.0, 'irregular'], ['b', 0, nan, 'none']]
    """

    def __init__(self, variables: Mapping[str, Any] | None = None) -> None:
        self._variables = dict(variables or {})

    def build_profiles(self, events: Any, merge_map: Any = None) -> pd.DataFrame:
        """Build the profiles.

        Parameters
        ----------
        events
            One row per event, as docs/your-data.md says: a pandas or polars frame, an Arrow table, a DuckDB
            relation.
        merge_map
            A `MergeResolution`, a frame with ``id`` and ``customer_id``, or a history with ``old_id``,
            ``new_id``, ``merged_at``; nothing is merged without it.

        Returns
        -------
        pandas.DataFrame
            One row per customer, by ``customer_id``; columns as in the mart ``customers``, without segments,
            and the counts that its rates are made of. Money as float64 in the reporting currency.

        Raises
        ------
        DataValidationError
            A column is missing, or ids are floating point numbers.
        ProfileBuildError
            Values of the events broke a model.
        """
        return _run(events, merge_map, [PROFILES], self._variables)[PROFILES]


def aggregate_purchases(events: Any, merge_map: Any = None) -> pd.DataFrame:
    """Add up what each customer bought.

    Parameters
    ----------
    events, merge_map
        As in `ProfileBuilder.build_profiles`, here and in the following functions, as are the errors.

    Returns
    -------
    pandas.DataFrame
        One row per customer with an order: ``gross_revenue, discount_amount, order_count,
        discounted_order_count, revenue_90d, revenue_365d, orders_90d``.

    Examples
    --------
    >>> from segmentry import generate_small_dataset
    >>> events, id_history = generate_small_dataset(n_customers=20)
    >>> purchases = aggregate_purchases(events, id_history)
    >>> bool((purchases["gross_revenue"] >= purchases["revenue_365d"]).all())
    True
    """
    return _run(events, merge_map, [PURCHASES])[PURCHASES]


def aggregate_sessions(events: Any, merge_map: Any = None) -> pd.DataFrame:
    """Add up what each customer did on the site.

    Returns
    -------
    pandas.DataFrame
        One row per customer with a session: ``session_count, visit_count, page_views, items_viewed,
        cart_additions, session_seconds, bounce_count, cart_session_count, abandoned_cart_count,
        weekend_session_count``.

    Examples
    --------
    >>> import pandas as pd
    >>> times = ["2026-01-01 10:00", "2026-01-01 10:20", "2026-01-01 11:00"]
    >>> events = pd.DataFrame({"customer_id": "a", "event_at": times, "event_type": "page_view"})
    >>> aggregate_sessions(events)[["session_count", "page_views", "session_seconds"]].values.tolist()
    [[2, 3, 1200]]
    """
    return _run(events, merge_map, [SESSIONS])[SESSIONS]


def aggregate_temporal(events: Any, merge_map: Any = None) -> pd.DataFrame:
    """Find when, by which channel and on which device each customer comes.

    Returns
    -------
    pandas.DataFrame
        One row per customer with a session: preferred hour and weekday with share and entropy,
        ``top_channel, top_device, mobile_share``.

    Examples
    --------
    >>> import pandas as pd
    >>> times = ["2026-01-01 10:00", "2026-01-02 10:00", "2026-01-03 23:00"]
    >>> events = pd.DataFrame({"customer_id": "a", "event_at": times, "event_type": "page_view"})
    >>> aggregate_temporal(events)[["preferred_hour", "preferred_weekday"]].values.tolist()
    [[10, 4]]
    """
    return _run(events, merge_map, [TIMES])[TIMES]


def aggregate_categories(events: Any, merge_map: Any = None) -> pd.DataFrame:
    """Count what each customer looks at and buys, on each level of the categories.

    Returns
    -------
    pandas.DataFrame
        One row per customer, level and category: ``view_count, cart_count, purchase_count, affinity_score``.

    Examples
    --------
    >>> import pandas as pd
    >>> events = pd.DataFrame(
    ...     {
    ...         "customer_id": "a",
    ...         "event_at": "2026-01-01 10:00",
    ...         "event_type": ["item_view", "purchase_item"],
    ...         "category": ["Garden", "Home"],
    ...     }
    ... )
    >>> aggregate_categories(events)[["category", "affinity_score"]].round(3).values.tolist()
    [['Garden', 0.167], ['Home', 0.833]]
    """
    return _run(events, merge_map, [CATEGORIES])[CATEGORIES].drop(columns="run_id")


def calculate_clv_estimate(
    events: Any,
    merge_map: Any = None,
    *,
    method: Method = "auto",
    horizon_days: int = 364,
    gross_margin: float = 1.0,
) -> pd.DataFrame:
    """Estimate what each customer will bring.

    Parameters
    ----------
    events, merge_map
        As in `ProfileBuilder.build_profiles`, as are the errors.
    method
        As the var ``segmentry_clv_method``; ``auto`` takes a model where it fits and the heuristic where not.
    horizon_days
        Days over which value is expected.
    gross_margin
        Share of net revenue that is value, 0 to 1.

    Returns
    -------
    pandas.DataFrame
        One row per customer with an order: ``probability_alive, churn_risk, expected_purchases,
        expected_value, clv, clv_method, churn_method``.

    Raises
    ------
    ConfigurationError
        A setting has a value that it can't have.

    Examples
    --------
    >>> from segmentry import generate_small_dataset
    >>> events, id_history = generate_small_dataset(n_customers=20)
    >>> estimates = calculate_clv_estimate(events, id_history, horizon_days=90)
    >>> set(estimates["clv_method"])
    {'heuristic'}
    """
    settings = {
        "segmentry_clv_method": method,
        "segmentry_clv_horizon_days": horizon_days,
        "segmentry_gross_margin": gross_margin,
    }
    return _run(events, merge_map, [VALUE], settings)[VALUE]


def _run(
    events: Any, merge_map: Any, wanted: Sequence[str], variables: Mapping[str, Any] | None = None
) -> dict[str, pd.DataFrame]:
    """Run models over events, with the fits of value where SQL leaves off; return the wanted ones."""
    import duckdb

    from segmentry.engines.compiled import CompiledModels, relations
    from segmentry.value import clv_grid, fit_clv

    settings = dict(variables or {})
    given = {
        "segmentry_demo_events": arrow_table(events, NEEDED, None, ids=("customer_id",)),
        "segmentry_demo_id_history": _history(merge_map),
    }
    models = CompiledModels(TARGETS, settings)
    names = relations()
    try:
        with duckdb.connect(":memory:", config={"threads": "2"}) as connection:
            there: list[str] = []
            if {VALUE, PROFILES} & set(wanted):
                there = models.build(given, connection, ["int_segmentry__clv_inputs_counted"])
                inputs = connection.sql(f"select * from {names['int_segmentry__clv_inputs_counted']}").df()
                fit = fit_clv(inputs, models.setting("clv_method"), models.setting("churn_method"))
                grid = clv_grid(inputs, fit, int(models.setting("clv_horizon_days")))
                given = {"int_segmentry__clv_fitted": fit, "int_segmentry__clv_grid_computed": grid}
            models.build(given, connection, wanted, there=there)
            return {name: connection.sql(f"select * from {names[name]} order by all").df() for name in wanted}
    except duckdb.Error as error:
        raise ProfileBuildError(
            f"The profiles could not be built: {str(error).splitlines()[0]} "
            "Look at the rows with such values; docs/your-data.md says what each column takes."
        ) from error


def _history(merge_map: Any) -> pa.Table:
    """Return merges as a history. A map is one of depth 1, older than any event, so that all of it counts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if merge_map is None:
        texts = {name: pa.array([], pa.string()) for name in ("old_id", "new_id", "merged_at")}
        return pa.table(texts)
    if isinstance(merge_map, MergeResolution):
        merge_map = merge_map.merge_map
    table = arrow_table(merge_map, ids=("id", "customer_id", "old_id", "new_id"))
    if {"old_id", "new_id", "merged_at"} <= set(table.column_names):
        return table
    if not {"id", "customer_id"} <= set(table.column_names):
        raise DataValidationError(
            "A merge map needs the columns id and customer_id, or those of a history: old_id, new_id, "
            f"merged_at. Found: {', '.join(table.column_names) or 'none'}."
        )
    pairs = table.filter(pc.not_equal(table["id"], table["customer_id"]))
    long_ago = pa.array(["1970-01-01"] * len(pairs), pa.string())
    return pa.table({"old_id": pairs["id"], "new_id": pairs["customer_id"], "merged_at": long_ago})
