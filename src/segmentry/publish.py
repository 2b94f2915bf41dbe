"""Publish the marts of a finished build: a read copy for BI tools, and files.

A DuckDB file has one writer or many readers: whoever looks at the warehouse keeps the next build out of it.
So readers get a copy. It is made beside the old one and takes its place in one step.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from segmentry.exceptions import PipelineError
from segmentry.generation import SCHEMA, STORAGE_VERSION, attached, literal, one_generation, qualified

__all__ = ["PublishedCopy", "publish"]

# A cell that begins like this is a formula to a spreadsheet. One that opens the file with another separator
# also begins a cell after a semicolon, a tab or a line break; full-width signs count in East Asian versions.
_FORMULA = "(^|[;\\t\\r\\n\\x0b])([\\s\\x0b]*)([=+\\-@\uff1d\uff0b\uff0d\uff20])"


@dataclass(frozen=True)
class PublishedCopy:
    """What was published.

    Attributes
    ----------
    run_id : str
        The run.
    directory : pathlib.Path
        Where it stands: ``marts.duckdb``, ``parquet/`` and, if asked for, ``csv/``.
    tables : tuple of str
        The marts in it.
    csv_tables : tuple of str
        Those that are there as CSV too.
    """

    run_id: str
    directory: Path
    tables: tuple[str, ...]
    csv_tables: tuple[str, ...]


def publish(
    database: Path | str, output: Path | str, *, csv_tables: Collection[str] | None = ()
) -> PublishedCopy:
    """Copy the marts of a finished build to where readers find them, and replace the earlier copy at once.

    ``output/current`` leads to ``marts.duckdb`` (schema `segmentry`, as in the warehouse, readable by every
    DuckDB from 1.2 on), ``parquet/<mart>.parquet`` and ``csv/<mart>.csv``. It is a link that is replaced when
    everything is there: a reader sees one run, the same in all files, and whoever has the old copy open keeps
    it. Rows are sorted: equal tables give equal Parquet and CSV files.

    Parameters
    ----------
    database
        DuckDB file that a build wrote. Nobody may be writing it; it is only read.
    output
        Directory to publish to; made when it is not there. Files of earlier copies in it are removed.
    csv_tables
        Marts to write as CSV for spreadsheets too; None for all. Text that a spreadsheet would take for a
        formula gets an apostrophe before it; the other formats hold it as it is.

    Returns
    -------
    PublishedCopy

    Raises
    ------
    PipelineError
        The file is missing, being written, or holds no finished run; a table is not there; another process
        is publishing to the same directory; the disk is full. The earlier copy stays as it is.

    Examples
    --------
    >>> publish("warehouse.duckdb", "published").directory  # doctest: +SKIP
    PosixPath('published/current')
    """
    database, output = Path(database), Path(output)
    if not database.is_file():
        raise PipelineError(
            f"There is no warehouse at {database}. Build one with `dbt build`, or name the file that has it."
        )
    try:
        with (
            _only_one(output) as generations,
            # Large sorts use the disk that is written to.
            attached(database, temp_directory=str(generations / "sorting")) as connection,
        ):
            run_id = one_generation(connection, "warehouse")
            tables = _tables(connection)
            chosen = tuple(tables if csv_tables is None else csv_tables)
            if unknown := sorted(set(chosen) - set(tables)):
                raise PipelineError(
                    f"There is no table {', '.join(unknown)} in schema `{SCHEMA}`; "
                    f"its tables: {', '.join(tables)}. Name some of these."
                )
            place = _new_directory(generations, run_id)
            _write(connection, place, tables, chosen)
            _lead_to(output / "current", place)
    except OSError as error:
        raise PipelineError(
            f"Nothing was published to {output}: {error.strerror or error}. "
            "Name a directory that may be written to, on a disk with room for a copy of the marts."
        ) from error
    except duckdb.Error as error:
        raise PipelineError(
            f"Nothing was published: {str(error).strip().splitlines()[0]}\n"
            "If a build is writing the warehouse, wait for its end; a full disk needs room for another copy."
        ) from error
    return PublishedCopy(run_id, output / "current", tuple(tables), chosen)


@contextmanager
def _only_one(output: Path) -> Iterator[Path]:
    """Hold the directory of copies against other processes; what a publication that was killed left goes."""
    generations = output / ".generations"
    generations.mkdir(parents=True, exist_ok=True)
    with (output / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PipelineError(
                f"Another process is publishing to {output}. Wait until it has ended."
            ) from None
        current = output / "current"
        if current.exists() and not current.is_symlink():
            raise PipelineError(f"{current} is not a link of an earlier publication. Name another directory.")
        _remove_stale(generations, current)
        try:
            yield generations
        finally:
            _remove_stale(generations, current)


def _remove_stale(generations: Path, current: Path) -> None:
    """Remove all copies but the one that is published; whoever has a file of them open keeps it."""
    kept = current.resolve()
    for directory in generations.iterdir():
        if directory.resolve() != kept:
            shutil.rmtree(directory)


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    found = connection.execute(
        "select table_name from information_schema.tables "
        "where table_catalog = 'warehouse' and table_schema = ? order by table_name",
        [SCHEMA],
    ).fetchall()
    return [table for (table,) in found]


def _new_directory(generations: Path, run_id: str) -> Path:
    # The same run may be published again: its directory must be another one, for readers of the earlier copy.
    number = 1
    while (generations / f"{run_id}-{number}").exists():
        number += 1
    directory = generations / f"{run_id}-{number}"
    (directory / "parquet").mkdir(parents=True)
    return directory


def _write(
    connection: duckdb.DuckDBPyConnection, place: Path, tables: list[str], csv_tables: Collection[str]
) -> None:
    file = literal(place / "marts.duckdb")
    connection.execute(f"attach {file} as marts (storage_version {literal(STORAGE_VERSION)})")
    connection.execute(f"create schema {qualified('marts', SCHEMA)}")
    for table in tables:
        copied = qualified("marts", SCHEMA, table)
        source = qualified("warehouse", SCHEMA, table)
        connection.execute(f"create table {copied} as select * from {source} order by all")
        parquet = literal(place / "parquet" / f"{table}.parquet")
        connection.execute(f"copy {copied} to {parquet} (format parquet, compression zstd)")
    if csv_tables:
        (place / "csv").mkdir()
    for table in csv_tables:
        _write_csv(connection, qualified("marts", SCHEMA, table), place / "csv" / f"{table}.csv")
    connection.execute("detach marts")


def _write_csv(connection: duckdb.DuckDBPyConnection, table: str, path: Path) -> None:
    """Write one table with all text in quotation marks and nothing in it that is a formula."""
    columns = connection.execute(f"select column_name, column_type from (describe {table})").fetchall()
    texts = [qualified(name) for name, kind in columns if kind == "VARCHAR"]
    guarded = ", ".join(
        rf"regexp_replace({name}, {literal(_FORMULA)}, '\1\2''\3', 'g') as {name}"
        if (name := qualified(column)) in texts
        else name
        for column, _ in columns
    )
    quoted = f", force_quote ({', '.join(texts)})" if texts else ""
    connection.execute(
        f"copy (select {guarded} from {table}) to {literal(path)} (format csv, header true{quoted})"
    )


def _lead_to(link: Path, place: Path) -> None:
    """Replace the link in one step; it is relative, so that the whole directory can be mounted elsewhere."""
    following = link.with_name(".next")
    following.unlink(missing_ok=True)
    following.symlink_to(place.relative_to(link.parent))
    os.replace(following, link)
