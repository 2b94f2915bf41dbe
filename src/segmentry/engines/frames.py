"""Tables of the warehouse as pandas frames: all that a Python model asks of the engine that it runs on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Table", "frame", "to_frame"]


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


def to_frame(rows: pa.Table) -> pd.DataFrame:
    """Take an Arrow table over: decimals as float64, integers and booleans with NULLs as nullable types.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from decimal import Decimal
    >>> rows = pa.table({"count": [1, None], "amount": [Decimal("1.50"), Decimal("2.25")]})
    >>> [str(kind) for kind in to_frame(rows).dtypes]
    ['Int64', 'float64']
    """
    import pandas as pd
    import pyarrow as pa

    nullable = {
        pa.bool_(): pd.BooleanDtype(),
        pa.int16(): pd.Int16Dtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
    }
    columns = {}
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        known = column.cast(pa.float64()) if pa.types.is_decimal(column.type) else column
        columns[name] = known.to_pandas(
            date_as_object=False, types_mapper=nullable.get if column.null_count else None
        )
    return pd.DataFrame(columns)
