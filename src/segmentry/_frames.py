"""Frames at the edge of the library: checked on the way in, exactly typed on the way out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segmentry.exceptions import DataValidationError

try:  # Python's own md5: OpenSSL takes twice as long for a text as short as an id
    from _md5 import md5  # type: ignore[import-not-found]
except ImportError:
    from hashlib import md5

if TYPE_CHECKING:
    import pyarrow as pa

Dtype = Literal["int64", "Int64", "float64", "bool", "str"]
Schema = Mapping[str, Dtype]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def typed_frame(rows: Mapping[str, Any] | Iterable[Mapping[str, Any]], schema: Schema) -> pd.DataFrame:
    """Make a frame with exactly these columns and dtypes, also when it is empty or all NULL."""
    data = dict(rows) if isinstance(rows, Mapping) else list(rows)
    return pd.DataFrame(data, columns=list(schema)).astype(dict(schema))


def arrow_table(
    rows: Any, needed: Iterable[str] = (), optional: Iterable[str] | None = None, *, ids: Iterable[str] = ()
) -> pa.Table:
    """Return a table of any kind as an Arrow table.

    Parameters
    ----------
    rows
        A pandas or polars frame, an Arrow table, a DuckDB relation, or whatever hands out an Arrow stream.
    needed, optional
        Columns that must be there, and those that are kept beside them; all when None.
    ids
        Columns that hold ids: they become text, and may not be floating point numbers.

    Raises
    ------
    DataValidationError
        It is no table, a column is missing or mixes types, or ids are floating point numbers.

    Examples
    --------
    >>> arrow_table(pd.DataFrame({"id": [7], "x": [1.5]}), ["id"], ids=["id"]).to_pylist()
    [{'id': '7', 'x': 1.5}]
    """
    import pyarrow as pa

    ids = list(ids)
    try:
        if hasattr(rows, "iloc"):
            wanted = rows.columns if optional is None else [*needed, *optional]
            _no_floats([name for name in ids if name in rows and str(rows[name].dtype).startswith("float")])
            frame = rows[[name for name in wanted if name in rows]]
            texts = {name: frame[name].map(_text).astype(object) for name in ids if name in frame}
            table = pa.Table.from_pandas(frame.assign(**texts), preserve_index=False)
        else:
            table = pa.table(rows)
        ids = [name for name in ids if name in table.column_names]
        _no_floats([name for name in ids if pa.types.is_floating(table[name].type)])
        for name in ids:
            if table[name].type not in (pa.string(), pa.large_string()):
                text = table[name].cast(pa.string())
                table = table.set_column(table.column_names.index(name), name, text)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise DataValidationError(
            f"A column can't be read ({'; '.join(map(str, error.args))}). Give each column one type."
        ) from error
    except TypeError as error:
        raise DataValidationError(
            f"Found a {type(rows).__name__}; needed is a pandas or polars frame, an Arrow table or a DuckDB "
            "relation. Collect what is lazy first."
        ) from error
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise DataValidationError(
            f"Needed are the columns {', '.join(needed)}; {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing among {', '.join(table.column_names) or 'none'}."
        )
    if optional is not None:
        table = table.select([name for name in (*needed, *optional) if name in table.column_names])
    return table


def _no_floats(columns: list[str]) -> None:
    if columns:
        raise DataValidationError(
            f"The ids in {', '.join(columns)} are floating point numbers: "
            "17 would become 17.0 and match nothing. Read them as text."
        )


def _text(value: Any) -> str | None:
    return None if value is None or value != value else str(value)


def require_columns(frame: pd.DataFrame, needed: Iterable[str], what: str) -> None:
    """Raise when a column is missing."""
    missing = sorted(set(needed) - set(frame.columns))
    if missing:
        raise DataValidationError(
            f"{what} lacks the column(s) {', '.join(missing)}; found {', '.join(map(str, frame.columns))}. "
            "Add them to the query that makes the frame."
        )


def sorted_customers(frame: pd.DataFrame, what: str = "The feature table") -> pd.DataFrame:
    """Bring rows into the order of ``customer_id``: the order that every fit, sum and draw relies on."""
    require_columns(frame, ["customer_id"], what)
    ids = frame["customer_id"]
    if ids.isna().any():
        raise DataValidationError(
            f"{what} has {int(ids.isna().sum())} row(s) without a customer_id; every row needs one."
        )
    values = ids.to_numpy(dtype=object)
    if (values[1:] > values[:-1]).all():  # as most come: nothing to sort, and nothing occurs twice
        return frame.reset_index(drop=True)
    if ids.duplicated().any():
        raise DataValidationError(
            f"{what} has {int(ids.duplicated().sum())} row(s) whose customer_id occurs twice; "
            "it must hold one row per customer."
        )
    return frame.sort_values("customer_id", ignore_index=True)


def feature_matrix(frame: pd.DataFrame, names: Sequence[str], what: str = "The feature table") -> Floats:
    """Read the named columns as an (n, d) float64 array without NULL, NaN or infinity."""
    require_columns(frame, names, what)
    try:
        values = np.ascontiguousarray(frame[list(names)].to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise DataValidationError(
            f"{what} has a feature that is not numeric ({error}). Cast it in the query that makes the frame."
        ) from error
    bad = ~np.isfinite(values)
    if bad.any():
        columns = [name for name, is_bad in zip(names, bad.any(axis=0), strict=True) if is_bad]
        raise DataValidationError(
            f"{what} has {int(bad.sum())} missing or infinite value(s) in {', '.join(columns)}; "
            "impute them in SQL, by a rule that is counted."
        )
    return values


def sample_rows(customer_ids: pd.Series, size: int, seed: int) -> Ints:
    """Positions of the ``size`` rows with the least ``md5('<seed>:<customer_id>')``, in its order.

    They are a sample that depends on nothing but the ids and the seed: not on the
    order of the rows, not on the other customers' positions, not on the engine (every warehouse
    has md5). Samples of different sizes are nested.
    """
    digests = b"".join(
        md5(f"{seed}:{customer_id}".encode(), usedforsecurity=False).digest()[:8]
        for customer_id in customer_ids.astype(object).tolist()
    )
    hashes = np.frombuffer(digests, dtype=">u8").astype(np.uint64)
    least = np.arange(len(hashes))
    if size < len(hashes):
        least = np.flatnonzero(hashes <= np.partition(hashes, size)[size])
    return least[np.argsort(hashes[least], kind="stable")][:size]
