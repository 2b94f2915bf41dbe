"""Tables of the warehouse as pandas frames: all that a Python model asks of the engine that it runs on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Table", "frame"]


class Table(Protocol):
    """What ``dbt.ref()`` gives on an engine of this package."""

    def frame(self, columns: Sequence[str], distinct: bool) -> pd.DataFrame:
        """Fetch some columns (all when none is named), once each where they are asked for distinct."""
        ...


def frame(table: Any, columns: Sequence[str] = (), *, distinct: bool = False) -> pd.DataFrame:
    """Fetch a table into pandas; numbers with decimals as float64, dates and times as datetime64.

    Parameters
    ----------
    table
        What ``dbt.ref()`` gave: a relation of DuckDB, or a `Table`.
    columns
        The columns that are needed; none means all.
    distinct
        Equal rows once.

    Returns
    -------
    pandas.DataFrame
        Rows in no order.

    Examples
    --------
    >>> import duckdb
    >>> orders = duckdb.sql("select * from (values (1, 'a'), (1, 'b'), (1, 'a')) as orders(number, name)")
    >>> len(frame(orders)), frame(orders, ["number"], distinct=True)["number"].tolist()
    (3, [1])
    """
    if hasattr(table, "frame"):
        fetched: pd.DataFrame = table.frame(columns, distinct)
        return fetched
    relation = table.project(", ".join(columns)) if columns else table
    fetched = (relation.distinct() if distinct else relation).df()
    return fetched
