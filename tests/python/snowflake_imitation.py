"""Snowflake, as fakesnow imitates it on a DuckDB in this process, and the project on it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from segmentry.project import invoke

TARGET = {
    "SNOWFLAKE_ACCOUNT": "nowhere",
    "SNOWFLAKE_DATABASE": "warehouse",
    "SNOWFLAKE_USER": "nobody",
    "DBT_ENV_SECRET_SNOWFLAKE_PASSWORD": "none",
}


@contextmanager
def imitation() -> Iterator[Any]:
    """Let whoever connects to Snowflake in this process meet the imitation; gives a connection."""
    import fakesnow
    import snowflake.connector

    with fakesnow.patch():
        connection = snowflake.connector.connect(database="warehouse", schema="segmentry")
        yield connection
        connection.close()


@dataclass
class Warehouse:
    """The project's target on the imitation."""

    connection: Any
    work: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    manifest: Any = None

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with warnings.catch_warnings():
            # It makes a copy of a small answer.
            warnings.simplefilter("ignore")
            return list(self.connection.cursor().execute(query).fetchall())

    def put(self, schema: str, tables: Mapping[str, pa.Table]) -> None:
        """Make tables of the types that Snowflake has for those of Arrow."""
        from snowflake.connector.pandas_tools import write_pandas

        self.rows(f"create schema if not exists {schema}")
        for name, rows in tables.items():
            columns = ", ".join(f"{column.name} {type_of(column.type)}" for column in rows.schema)
            self.rows(f"create or replace table {schema}.{name} ({columns})")
            write_pandas(self.connection, rows.to_pandas(), name, schema=schema, quote_identifiers=False)

    def dbt(self, *arguments: str, **options: Any) -> str:
        """Run a command of dbt with some vars; return what went wrong, "" when nothing did."""
        if self.manifest is None:
            parsed = self._invoke("parse", **self.options)
            assert parsed.success, parsed.exception
            self.manifest = parsed.result
        done = self._invoke(*arguments, **{**self.options, **options})
        results = getattr(done.result, "results", None) or []
        messages = [f"{one.node.name}: {one.message}" for one in results if one.status in ("error", "fail")]
        messages += [str(done.exception)] if done.exception else []
        assert done.success == (not messages)
        return "\n".join(messages)

    def _invoke(self, *arguments: str, **options: Any) -> Any:
        variables = json.dumps({f"segmentry_{name}": value for name, value in options.items()})
        return invoke(
            [*arguments, "--target", "snowflake", "--vars", variables],
            work=self.work,
            values=TARGET | {"SEGMENTRY_THREADS": "1"},
            manifest=self.manifest,
        )


def type_of(arrow_type: pa.DataType) -> str:
    if pa.types.is_boolean(arrow_type):
        return "boolean"
    if pa.types.is_integer(arrow_type):
        return "number(38, 0)"
    if pa.types.is_floating(arrow_type):
        return "double"
    if pa.types.is_timestamp(arrow_type):
        return "timestamp_ntz"
    if pa.types.is_date(arrow_type):
        return "date"
    if pa.types.is_decimal(arrow_type):
        return f"number({arrow_type.precision}, {arrow_type.scale})"
    return "varchar"
