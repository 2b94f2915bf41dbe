"""One piece of work done many times over: in this process, or on the executors of Spark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from segmentry._frames import Schema, typed_frame
from segmentry._kmeans import single_threaded_blas
from segmentry.engines.progress import announced

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["fan_out"]

Task = TypeVar("Task")
SPARK_TYPES = {"int64": "bigint", "Int64": "bigint", "float64": "double", "bool": "boolean", "str": "string"}


def fan_out(
    session: Any,
    tasks: Sequence[Task],
    work: Callable[[Task], pd.DataFrame | Mapping[str, Any]],
    schema: Schema,
    label: str = "tasks",
) -> pd.DataFrame:
    """Do the work for every task and stack the rows, in the order of the tasks.

    Parameters
    ----------
    session
        The second argument of a dbt Python model. Each task of a session of Spark is a task of Spark, so
        that the cluster places it; anything else, None included, does them here one after the other.
    tasks
        What the work is to be done for.
    work
        Takes a task, returns its rows. It may depend on nothing else (a generator of random numbers is made
        from the task), so that it does not matter where and in which order tasks run. On Spark it travels
        with the data it holds to every executor once, and needs this package there.
    schema
        Columns of the rows.
    label
        What the tasks are, for those who watch.

    Returns
    -------
    pandas.DataFrame
        The same on every engine, bit by bit on the same kind of processor.

    Examples
    --------
    >>> fan_out(None, [2, 3], lambda task: {"square": [task**2]}, {"square": "int64"})["square"].tolist()
    [4, 9]
    """
    if not tasks:
        return typed_frame([], schema)

    def rows(task: Task) -> pd.DataFrame:
        done = work(task)
        return done.astype(dict(schema)) if isinstance(done, pd.DataFrame) else typed_frame(done, schema)

    if type(session).__module__.startswith("pyspark."):
        return _on_executors(session, tasks, rows, schema)
    with single_threaded_blas():
        return pd.concat([rows(task) for task in announced(tasks, label)], ignore_index=True)


def _on_executors(
    spark: Any, tasks: Sequence[Task], rows: Callable[[Task], pd.DataFrame], schema: Schema
) -> pd.DataFrame:
    def done(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        kinds = {"bigint": pa.int64(), "double": pa.float64(), "boolean": pa.bool_(), "string": pa.string()}
        types = pa.schema([(name, kinds[SPARK_TYPES[dtype]]) for name, dtype in schema.items()])
        with single_threaded_blas():
            for batch in batches:
                for place in batch.column(0).to_pylist():
                    yield from pa.Table.from_pandas(rows(tasks[place]), types, False).to_batches()

    columns = ", ".join(f"`{name}` {SPARK_TYPES[dtype]}" for name, dtype in schema.items())
    # Arrow, not pandas: which versions of pandas Spark converts from differs between its releases.
    found = spark.range(0, len(tasks), 1, len(tasks)).mapInArrow(done, columns).toArrow()
    return typed_frame({name: found.column(name).to_pandas() for name in schema}, schema)
