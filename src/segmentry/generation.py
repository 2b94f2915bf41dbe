"""A warehouse as readers see it: its schemas, how to open it, and whether its marts are of one run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from segmentry.exceptions import PipelineError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = [
    "INTERNAL_SCHEMA",
    "SCHEMA",
    "STORAGE_VERSION",
    "attached",
    "compact",
    "literal",
    "one_generation",
    "qualified",
]

SCHEMA = "segmentry"
INTERNAL_SCHEMA = "segmentry_internal"
# Readable by every DuckDB from 1.2 on; it counts only when the file is created.
STORAGE_VERSION = "v1.2.0"


def qualified(*names: str) -> str:
    """Join names to a quoted name.

    The catalog is part of it: in a file that is called like the schema, `segmentry.segments` is ambiguous.

    >>> qualified("warehouse", "segmentry", "segments")
    '"warehouse"."segmentry"."segments"'
    """
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def literal(text: Path | str) -> str:
    """Quote a text for SQL.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + str(text).replace("'", "''") + "'"


@contextmanager
def attached(database: Path | str, **config: str) -> Iterator[DuckDBPyConnection]:
    """Open a connection that reads a warehouse as the catalog `warehouse`, whatever its file is called.

    Names without a catalog are the warehouse's. `config` are settings of DuckDB, such as `temp_directory`.
    """
    import duckdb

    with duckdb.connect(":memory:", config=dict(config)) as connection:
        connection.execute(f"attach {literal(database)} as warehouse (read_only)")
        connection.execute("use warehouse")
        yield connection


def one_generation(connection: DuckDBPyConnection, catalog: str) -> str:
    """Find the run that the marts hold, or stop when they do not hold one run.

    Every model is replaced at once, a run is not: a build that stops half-way leaves new tables beside old
    ones. A table with `run_id` must hold the newest run alone; one with `recorded_at` too is a history, and
    nothing in it may be newer. The run that a build began with is in the internal schema before any mart.

    Parameters
    ----------
    connection
        Connection to a DuckDB that has the warehouse open or attached.
    catalog
        Name of the warehouse in it.

    Returns
    -------
    str
        `run_id` of the newest run.

    Raises
    ------
    PipelineError
        There is no finished build, or tables belong to different runs; the message names them.
    """

    def rows(query: str, *parameters: object) -> list[tuple[str, ...]]:
        return connection.execute(query, list(parameters)).fetchall()

    columns: dict[str, set[str]] = {}
    for table, column in rows(
        "select table_name, column_name from information_schema.columns "
        "where table_catalog = ? and table_schema = ? order by table_name",
        catalog,
        SCHEMA,
    ):
        columns.setdefault(table, set()).add(column)
    if "segmentation_runs" not in columns:
        raise PipelineError(
            f"There is no table `{SCHEMA}.segmentation_runs`, which every build writes. "
            "Run `dbt build` to the end first."
        )
    runs = qualified(catalog, SCHEMA, "segmentation_runs")
    newest = rows(f"select run_id, recorded_at from {runs} order by recorded_at desc, run_id limit 1")
    if not newest:
        raise PipelineError(
            f"`{SCHEMA}.segmentation_runs` has no row, one per run is needed. "
            "Run `dbt build` to the end first."
        )
    run_id, recorded_at = newest[0]
    strangers = []
    for table in (name for name, found in columns.items() if "run_id" in found):
        is_other, value = (
            ("recorded_at > ?", recorded_at) if "recorded_at" in columns[table] else ("run_id <> ?", run_id)
        )
        if rows(f"select 1 from {qualified(catalog, SCHEMA, table)} where {is_other} limit 1", value):
            strangers.append(table)
    if strangers:
        raise PipelineError(
            f"The tables belong to different runs: the newest is {run_id}, but {', '.join(strangers)} hold "
            "rows of another one. A build has stopped half-way; run `dbt build` again."
        )
    begun = rows(
        "select 1 from information_schema.tables "
        "where table_catalog = ? and table_schema = ? and table_name = ?",
        catalog,
        INTERNAL_SCHEMA,
        "int_segmentry__run",
    )
    run = qualified(catalog, INTERNAL_SCHEMA, "int_segmentry__run")
    if begun and rows(f"select 1 from {run} where run_id <> ?", run_id):
        raise PipelineError(
            f"The tables are those of run {run_id}, and a later build has begun without coming to its end. "
            "Run `dbt build` again."
        )
    return run_id


def compact(database: Path | str) -> tuple[int, int]:
    """Write a DuckDB file anew, without the bytes of what was deleted, and replace it in one step.

    Parameters
    ----------
    database
        DuckDB file that a build wrote. Nobody else may have it open for writing.

    Returns
    -------
    before, after : int
        Size of the file in bytes.

    Raises
    ------
    PipelineError
        The file is missing or open elsewhere, or the disk is full. It stays as it is.

    Examples
    --------
    >>> compact("warehouse.duckdb")  # doctest: +SKIP
    (52703232, 24129536)
    """
    import duckdb

    database = Path(database).resolve()
    if not database.is_file():
        raise PipelineError(f"There is no warehouse at {database}. Name the file that has it.")
    before = database.stat().st_size
    written = database.with_name(f".{database.name}.compact")
    try:
        written.unlink(missing_ok=True)
        with duckdb.connect(":memory:") as connection:
            # Open for writing: no build can begin meanwhile, and what waits beside the file is taken into it.
            connection.execute(f"attach {literal(database)} as {qualified(database.stem)}")
            connection.execute(f"checkpoint {qualified(database.stem)}")
            connection.execute(
                f"attach {literal(written)} as written (storage_version {literal(STORAGE_VERSION)})"
            )
            connection.execute(f"copy from database {qualified(database.stem)} to written")
            connection.execute("detach written")
            os.replace(written, database)
    except (duckdb.Error, OSError) as error:
        raise PipelineError(
            f"{database} was not written anew: {str(error).strip().splitlines()[0]}\n"
            "If a build or a reader has it open, wait for its end; the disk needs room for another copy."
        ) from error
    finally:
        written.unlink(missing_ok=True)
    return before, database.stat().st_size
