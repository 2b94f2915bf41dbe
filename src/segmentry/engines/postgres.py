"""PostgreSQL: dbt's own adapter, with Python models, explanations and one order of texts everywhere.

In the profile ``type: segmentry_postgres``; the rest is as for ``type: postgres``. dbt finds the adapter by
way of ``dbt.adapters.segmentry_postgres``, its macros are in ``dbt/include/segmentry_postgres``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from dbt.adapters.base.meta import available
from dbt.adapters.contracts.connection import AdapterResponse
from dbt.adapters.postgres.column import PostgresColumn
from dbt.adapters.postgres.connections import PostgresConnectionManager, PostgresCredentials
from dbt.adapters.postgres.impl import PostgresAdapter
from dbt_common.exceptions import DbtRuntimeError

from segmentry.engines.explanations import write_explanations
from segmentry.engines.frames import to_frame
from segmentry.engines.models import erasure_key, run_model
from segmentry.exceptions import SegmentationEngineError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Credentials", "PostgresTable", "Segmentry_PostgresAdapter", "store"]

TYPE = "segmentry_postgres"


@dataclass
class Credentials(PostgresCredentials):
    """Those of dbt-postgres."""

    @property
    def type(self) -> str:
        """Name of the adapter."""
        return TYPE


class ConnectionManager(PostgresConnectionManager):
    """Connections whose answers do not depend on the settings of server, database or user."""

    TYPE = TYPE

    @classmethod
    def open(cls, connection: Any) -> Any:
        """Open a connection in UTC that finds what `prepare_engine` installs."""
        if connection.state == "open":
            return connection
        connection = super().open(connection)  # type: ignore[no-untyped-call]
        credentials = connection.credentials
        path = credentials.search_path or '"$user", public'
        with closing(connection.handle.cursor()) as cursor:
            cursor.execute(
                "set time zone 'UTC'; set datestyle = 'ISO'; set client_encoding = 'UTF8'; "
                f'set extra_float_digits = 1; set search_path = {path}, "{credentials.schema}_internal"'
            )
            # Empty means that there is none.
            cursor.execute("select set_config('segmentry.erasure_key', %s, false)", (erasure_key(),))
        # Settings of a transaction that is rolled back would be forgotten.
        connection.handle.commit()
        return connection


class Column(PostgresColumn):
    """Columns whose types go by the names that the contracts of the project use."""

    TYPE_LABELS: ClassVar[dict[str, str]] = {**PostgresColumn.TYPE_LABELS, "DOUBLE": "double precision"}


class Segmentry_PostgresAdapter(PostgresAdapter):
    """dbt-postgres with Python models, which run in the process of dbt, and the explanation step.

    dbt takes the name of the adapter from that of the class.
    """

    ConnectionManager = ConnectionManager
    Column = Column

    def submit_python_job(self, parsed_model: dict[str, Any], compiled_code: str) -> AdapterResponse:
        """Run a Python model on the connection of this thread and store its frame, in one transaction."""
        connection = self.connections.get_thread_connection().handle
        # The macro create_table_as names the table in the last line.
        *_, target = compiled_code.rstrip().splitlines()
        frame = run_model(compiled_code, lambda relation: PostgresTable(connection, relation), connection)
        store(connection, frame, target.removeprefix("# into "))
        return AdapterResponse(_message=f"SELECT {len(frame)}", code="SELECT", rows_affected=len(frame))

    @available.parse_none
    def copy_rows(self, relation: str, columns: str, rows: Any) -> None:
        """Append the rows of a table of agate."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as file:
            for row in rows.rows:
                file.write(",".join("" if value is None else _quoted(value) for value in row) + "\n")
            file.seek(0)
            with closing(self.connections.get_thread_connection().handle.cursor()) as cursor:
                cursor.copy_expert(f"copy {relation} ({columns}) from stdin (format csv)", file)

    @available.parse_none
    def write_explanations(self, ledger: str, config: Mapping[str, Any]) -> int:
        """Write the explanations that are missing; see `segmentry.engines.explanations`."""
        connection = self.connections.get_thread_connection().handle

        def fetch(query: str) -> list[tuple[Any, ...]]:
            with closing(connection.cursor()) as cursor:
                cursor.execute(query)
                rows: list[tuple[Any, ...]] = cursor.fetchall()
            connection.commit()
            return rows

        def append(statement: str, values: tuple[Any, ...]) -> None:
            with closing(connection.cursor()) as cursor:
                cursor.execute(statement, values)
            connection.commit()

        try:
            return write_explanations(fetch, append, ledger, config, mark="%s")
        except SegmentationEngineError as error:
            raise DbtRuntimeError(str(error)) from error


class PostgresTable:
    """A table of the warehouse, as ``dbt.ref()`` gives it to a Python model.

    Parameters
    ----------
    connection
        A connection of psycopg2.
    relation
        Full name, quoted where that is needed.
    """

    def __init__(self, connection: Any, relation: str) -> None:
        self._connection = connection
        self._relation = relation

    def frame(self, columns: Sequence[str] = (), distinct: bool = False) -> pd.DataFrame:
        """Copy rows out; see `segmentry.engines.frames.frame`."""
        from pyarrow import csv

        query = f"select {'distinct ' if distinct else ''}{', '.join(columns) or '*'} from {self._relation}"
        with closing(self._connection.cursor()) as cursor, tempfile.TemporaryFile() as file:
            cursor.execute(f"{query} limit 0")
            types = {column.name: _arrow_type(column.type_code) for column in cursor.description}
            cursor.copy_expert(f"copy ({query}) to stdout (format csv, header)", file)
            file.seek(0)
            # An empty field is NULL, a quoted one is the empty text; a row of one NULL is an empty line.
            rows = csv.read_csv(
                file,
                parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
                convert_options=csv.ConvertOptions(
                    column_types=types,
                    null_values=[""],
                    true_values=["t"],
                    false_values=["f"],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
        return to_frame(rows)


def store(connection: Any, frame: pd.DataFrame, relation: str) -> None:
    """Create a table of the rows of a frame; NaN is stored as NULL.

    Parameters
    ----------
    connection
        A connection of psycopg2; the transaction stays open.
    frame
        The rows.
    relation
        Full name of the new table, quoted where that is needed.
    """
    import pyarrow as pa
    from pyarrow import csv

    rows = pa.Table.from_pandas(frame, preserve_index=False)
    columns = ", ".join(f'"{column.name}" {_postgres_type(column.type)}' for column in rows.schema)
    with closing(connection.cursor()) as cursor, tempfile.TemporaryFile() as file:
        cursor.execute(f"create table {relation} ({columns})")
        csv.write_csv(rows, file)
        file.seek(0)
        cursor.copy_expert(f"copy {relation} from stdin (format csv, header)", file)
        cursor.execute(f"analyze {relation}")


def _quoted(value: object) -> str:
    # agate reads 100.00 in a column of whole numbers as just that.
    whole = isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value()
    text = f"{value:.0f}" if whole else str(value)
    return '"' + text.replace('"', '""') + '"'


def _arrow_type(type_code: int) -> pa.DataType:
    """Arrow's type for an object id of pg_type; decimals become doubles, as on DuckDB."""
    import pyarrow as pa

    known = {
        16: pa.bool_(),
        20: pa.int64(),
        21: pa.int16(),
        23: pa.int32(),
        700: pa.float64(),
        701: pa.float64(),
        1082: pa.date32(),
        1114: pa.timestamp("us"),
        1700: pa.float64(),
    }
    return known.get(type_code, pa.string())


def _postgres_type(arrow_type: pa.DataType) -> str:
    import pyarrow as pa

    if pa.types.is_boolean(arrow_type):
        return "boolean"
    if pa.types.is_integer(arrow_type):
        return "bigint"
    if pa.types.is_floating(arrow_type):
        return "double precision"
    if pa.types.is_timestamp(arrow_type):
        return "timestamp"
    if pa.types.is_date(arrow_type):
        return "date"
    if pa.types.is_decimal(arrow_type):
        return f"numeric({arrow_type.precision}, {arrow_type.scale})"
    return 'text collate "C"'
