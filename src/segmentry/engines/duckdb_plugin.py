"""Plugin of dbt-duckdb: locks the database down and runs the explanation step in the process of dbt.

In the profile::

    plugins:
      - module: segmentry.engines.duckdb_plugin
        alias: segmentry
        config:
          input_files: "{{ env_var('SEGMENTRY_INPUT_FILES', '[]') }}"
          seeds_dir: seeds

``input_files`` (a list, or a JSON list as text) are the files that SQL may read besides the database itself;
``seeds_dir`` is the directory (or list of directories) whose CSV files are seeds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError

from segmentry.engines.explanations import write_explanations
from segmentry.engines.models import erasure_key
from segmentry.engines.progress import to_dbt
from segmentry.exceptions import ConfigurationError, SegmentationEngineError
from segmentry.generation import literal

if TYPE_CHECKING:
    from dbt.adapters.duckdb.utils import TargetConfig
    from duckdb import DuckDBPyConnection

__all__ = ["Plugin", "lock_down"]


class Plugin(BasePlugin):
    """The plugin; dbt-duckdb finds it by this name."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Read the configuration of the profile; see the module."""
        self._readable = _readable_files(plugin_config)
        to_dbt()
        self._connection: DuckDBPyConnection | None = None

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Lock the database down before dbt makes its first cursor."""
        try:
            lock_down(conn, self._readable)
        except SegmentationEngineError as error:
            raise DbtRuntimeError(str(error)) from error
        self._connection = conn

    def configure_cursor(self, cursor: DuckDBPyConnection) -> None:
        """Hand the key of erasures to the connection, by no statement that dbt sees."""
        cursor.execute(f"set variable segmentry_erasure_key = {literal(erasure_key())}")

    def store(self, target_config: TargetConfig) -> None:
        """Do what a post-hook asks for; the only thing that it can ask for is ``explanations``.

        Called by way of ``adapter.store_relation``, outside a transaction. Everything runs on a cursor of its
        own, so that every row is committed at once.
        """
        if target_config.location is None or target_config.location.format != "explanations":
            raise DbtRuntimeError("The plugin 'segmentry' writes explanations only, not tables or files.")
        if self._connection is None:
            raise DbtRuntimeError("The plugin 'segmentry' was called before the database was open.")
        cursor = self._connection.cursor()
        try:
            write_explanations(
                # All is fetched before the first insert: an open result blocks other statements on a cursor.
                lambda query: cursor.execute(query).fetchall(),
                cursor.execute,
                target_config.relation.render(),
                target_config.config,
            )
        except SegmentationEngineError as error:
            raise DbtRuntimeError(str(error)) from error
        finally:
            cursor.close()


def _readable_files(config: Mapping[str, Any]) -> list[str]:
    """Absolute paths of the existing input files and seeds, sorted."""
    inputs = config.get("input_files") or []
    if isinstance(inputs, str):
        try:
            inputs = json.loads(inputs)
        except json.JSONDecodeError:
            inputs = None
    if not isinstance(inputs, list) or not all(isinstance(item, str) for item in inputs):
        raise DbtRuntimeError(
            f"input_files of the plugin 'segmentry' must be a list of paths or a JSON list as text, "
            f"such as '[\"events.parquet\"]'; found {config['input_files']!r}."
        )
    directories = config.get("seeds_dir") or []
    directories = [directories] if isinstance(directories, str) else directories
    # Files, not directories: in an allowed directory SQL could also create files and attach databases.
    seeds = [path for directory in directories for path in Path(directory).glob("**/*.csv")]
    files = [path for path in [*map(Path, inputs), *seeds] if path.is_file()]
    # DuckDB compares the path as SQL writes it: a file can be named by itself or by way of a link.
    return sorted({str(spelling) for path in files for spelling in (os.path.abspath(path), path.resolve())})


def lock_down(conn: DuckDBPyConnection, readable_files: list[str]) -> None:
    """Confine a database to itself, its temporary directory and the files that it is given, for good.

    No SQL, wherever it comes from, can then read another file, attach a database file, load an extension or
    undo this. The time zone becomes UTC on every cursor. Once locked, a database stays as it is.

    Parameters
    ----------
    conn : duckdb.DuckDBPyConnection
        Connection to the database.
    readable_files : list of str
        Absolute paths that SQL may read. DuckDB has no list of read-only files: ``copy .. to`` with
        ``use_tmp_file false`` could overwrite one of them, so protect originals by file permissions.

    Raises
    ------
    ConfigurationError
        The database is already locked, in this process, without one of the files.

    Examples
    --------
    >>> import duckdb
    >>> conn = duckdb.connect()
    >>> lock_down(conn, [])
    >>> conn.execute("from read_text('/etc/hostname')")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    duckdb.PermissionException: Permission Error: Cannot access file ...
    """
    if _setting(conn, "lock_configuration"):
        allowed = set(_setting(conn, "allowed_paths"))
        if missing := [path for path in readable_files if path not in allowed]:
            raise ConfigurationError(
                f"The database is open in this process without access to {missing[0]!r}. "
                "Close it (DuckDBConnectionManager.close_all_connections) before a run on other files."
            )
        return
    quoted = ", ".join("'" + path.replace("'", "''") + "'" for path in readable_files)
    # Under a plain `set` dbt's cursors would keep the time zone of the machine.
    conn.execute("set global TimeZone = 'UTC'")
    conn.execute(f"set allowed_paths = [{quoted}]")
    conn.execute("set enable_external_access = false")
    conn.execute("set lock_configuration = true")


def _setting(conn: DuckDBPyConnection, name: str) -> Any:
    return conn.execute(f"select current_setting('{name}')").fetchall()[0][0]
