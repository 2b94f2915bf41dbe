"""Adapter of dbt for Spark in the process of dbt: dbt-spark's session method, with Python models.

In the profile::

    type: segmentry_spark
    schema: segmentry
    server_side_parameters: {"spark.master": "local[2]"}

A subclass of dbt-spark's adapter; dbt finds it by way of ``dbt.adapters.segmentry_spark``, its macros are in
``dbt/include/segmentry_spark``. What differs: Python models run here, not on a Databricks cluster; seeds
and values are written as what they are; the session runs in UTC; there are histories and all post-hooks.
"""

from __future__ import annotations

import datetime
import decimal
import os
import shutil
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbt.adapters.base.meta import available
from dbt.adapters.contracts.connection import AdapterResponse
from dbt.adapters.spark import SparkAdapter, SparkConnectionManager, SparkCredentials
from dbt.adapters.spark.session import SessionConnectionWrapper
from dbt_common.exceptions import DbtRuntimeError

from segmentry.engines.explanations import write_explanations
from segmentry.engines.frames import to_frame
from segmentry.engines.models import run_model
from segmentry.exceptions import SegmentationEngineError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

__all__ = [
    "Credentials",
    "Segmentry_SparkAdapter",
    "SparkTable",
    "open_session",
    "without_zones",
    "write_frame",
]

TYPE = "segmentry_spark"
# Types of seeds and contracts that Spark calls something else.
TYPES = {"text": "string", "varchar": "string", "integer": "int"}


@dataclass
class Credentials(SparkCredentials):
    """A session in this process; ``server_side_parameters`` configure it."""

    @classmethod
    def __pre_deserialize__(cls, data: Any) -> Any:
        data = super().__pre_deserialize__(data)
        return {"method": "session", "host": "this process", **data}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.method != "session":
            raise DbtRuntimeError(
                f"A profile of type {TYPE} runs Spark in the process of dbt, so its method is session; "
                f"found {self.method}. Leave method and host out."
            )
        self.server_side_parameters |= {
            # Times are compared and shown in UTC on every engine.
            "spark.sql.session.timeZone": "UTC",
            # Rows that are written into a partitioned table take the place of their own partitions alone.
            "spark.sql.sources.partitionOverwriteMode": "DYNAMIC",
        }
        # What is joined by broadcast goes through the driver, larger there than its files: small tables only.
        self.server_side_parameters.setdefault("spark.sql.autoBroadcastJoinThreshold", "1m")

    @property
    def type(self) -> str:
        """Name of the adapter."""
        return TYPE


class SessionHandle(SessionConnectionWrapper):
    """Statements of dbt on the session, with values as literals of their own type."""

    @classmethod
    def _fix_binding(cls, value: Any) -> str:
        r"""Write a value as a literal.

        >>> [SessionHandle._fix_binding(value) for value in (None, True, 7, "it's a \\")]
        ['null', 'true', '7', "'it\\'s a \\\\'"]
        """
        if value is None:
            return "null"
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int | decimal.Decimal):
            return str(value)
        if isinstance(value, float):
            return f"cast('{value!r}' as double)"
        if isinstance(value, datetime.datetime):
            return f"timestamp'{value.isoformat(sep=' ')}'"
        text = str(value).replace("\\", "\\\\").replace("'", "\\'")
        return f"'{text}'"


class ConnectionManager(SparkConnectionManager):
    """Connections that are all the one session of this process."""

    TYPE = TYPE

    @classmethod
    def open(cls, connection: Any) -> Any:
        """Open a connection that binds values as what they are."""
        connection = super().open(connection)
        if not isinstance(connection.handle, SessionHandle):
            connection.handle = SessionHandle(connection.handle.handle)
        return connection


class SparkTable:
    """What ``dbt.ref()`` gives to a Python model; see `segmentry.engines.frames`."""

    def __init__(self, rows: DataFrame) -> None:
        self._rows = rows

    def frame(self, columns: Sequence[str], distinct: bool) -> pd.DataFrame:
        """Fetch some columns to the driver."""
        rows = self._rows.select(*columns) if columns else self._rows
        return to_frame(without_zones((rows.distinct() if distinct else rows).toArrow()))


_OPENING = threading.Lock()


def open_session(parameters: dict[str, str]) -> SparkSession:
    """Return the session of this process; made with these parameters when there is none."""
    from pyspark.sql import SparkSession

    if not os.environ.get("JAVA_HOME") and shutil.which("java") is None:
        raise DbtRuntimeError(
            "Spark needs Java 17 or later, and there is no java on the path. "
            "Install it (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME."
        )
    # The executors of this machine take the Python that runs here; those of others, the one that is named.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    with _OPENING:
        builder = SparkSession.builder.enableHiveSupport()
        for name, value in parameters.items():
            builder = builder.config(name, value)
        return builder.getOrCreate()


def without_zones(rows: pa.Table) -> pa.Table:
    """Give times as they are stored, in UTC and without a zone, as on the other engines."""
    import pyarrow as pa

    for place, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            rows = rows.set_column(place, field.name, rows.column(place).cast(pa.timestamp("us")))
    return rows


def write_frame(spark: SparkSession, frame: Any, table: str, file_format: str) -> None:
    """Write a pandas, Arrow or Spark frame as a table, in the place of an earlier one."""
    import pandas as pd
    import pyarrow as pa

    if isinstance(frame, pd.DataFrame):
        frame = pa.Table.from_pandas(frame, preserve_index=False)
    if isinstance(frame, pa.Table):
        frame = spark.createDataFrame(frame)
    frame.write.mode("overwrite").format(file_format).saveAsTable(table)


class Segmentry_SparkAdapter(SparkAdapter):
    """dbt-spark's adapter with Python models in this process."""

    ConnectionManager = ConnectionManager

    def submit_python_job(self, parsed_model: dict[str, Any], compiled_code: str) -> AdapterResponse:
        """Run a Python model in this process and write the frame that it returns."""
        spark = open_session(self.config.credentials.server_side_parameters)
        # The materialization of dbt-spark indents the first line.
        result = run_model(compiled_code.lstrip(), lambda name: SparkTable(spark.table(name)), spark)
        write_frame(
            spark,
            result,
            f"{parsed_model['schema']}.{parsed_model['alias']}",
            parsed_model["config"].get("file_format") or "parquet",
        )
        return AdapterResponse(_message="OK", code="SELECT")

    @available.parse_none
    def write_explanations(self, ledger: str, config: Mapping[str, Any]) -> int:
        """Write the explanations that are missing; see `segmentry.engines.explanations`."""
        spark = open_session(self.config.credentials.server_side_parameters)

        def fetch(query: str) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in spark.sql(query).collect()]

        def append(statement: str, values: tuple[Any, ...]) -> None:
            # Python takes a time without a zone to be local.
            known = [
                value.replace(tzinfo=datetime.UTC) if isinstance(value, datetime.datetime) else value
                for value in values
            ]
            spark.sql(statement, args=known).collect()

        try:
            return write_explanations(fetch, append, ledger, config)
        except SegmentationEngineError as error:
            raise DbtRuntimeError(str(error)) from error

    @available.parse_none
    def keep_rows(self, name: str, query: str) -> None:
        """Compute a query once and keep its rows, without their history, on the executors as a view."""
        from pyspark.sql import DataFrame

        spark = open_session(self.config.credentials.server_side_parameters)
        kept = spark.sql(query).localCheckpoint(eager=True)._jdf
        # A checkpoint keeps what the optimizer thought of the query: sizes that are multiplied in each round,
        # until they have millions of digits, and constraints that a later union can't resolve (Spark 4.3).
        rows = spark._jsparkSession.createDataFrame(kept.toJavaRDD(), kept.schema())
        DataFrame(rows, spark).createOrReplaceTempView(name)

    @available
    def type_on_spark(self, data_type: str) -> str:
        """Return the name that Spark has for a type of a seed or contract."""
        return TYPES.get(data_type.strip().lower(), data_type)

    @available
    def write_seed(self, relation: Any, agate_table: Any, column_types: dict[str, str]) -> None:
        """Write the rows of a seed as a table."""
        import pyarrow as pa

        names = list(agate_table.column_names)
        types = [
            self.type_on_spark(column_types.get(name) or self.convert_type(agate_table, place))
            for place, name in enumerate(names)
        ]
        rows = pa.table(
            {
                name: pa.array(
                    [None if value is None else str(value) for value in agate_table.columns[name]],
                    pa.string(),
                )
                for name in names
            }
        )
        spark = open_session(self.config.credentials.server_side_parameters)
        frame = spark.createDataFrame(rows).selectExpr(
            *(
                f"cast(`{name}` as {data_type}) as `{name}`"
                for name, data_type in zip(names, types, strict=True)
            )
        )
        write_frame(spark, frame, f"{relation.schema}.{relation.identifier}", "parquet")
