"""Run the SQL models of the project without dbt's overhead: compile once, execute many times on small tables.

A build of the project takes seconds, a property test needs hundreds. Here dbt parses the project once per session
and compiles it once per set of vars, in memory; the compiled statements then run on a DuckDB in memory, in the order
of the graph, on whatever tables a test puts in the place of seeds or models. Nothing is written outside a temporary
directory.
"""

from __future__ import annotations

import functools
import json
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

REPO = Path(__file__).parents[2]
SCHEMAS = ("segmentry", "segmentry_internal")
LAYERS = ("staging", "identity", "profiles", "segmentation")
# A database in memory is called "memory" by dbt and by DuckDB: the compiled relation names fit as they are.
PROFILE = """
segmentry:
  target: test
  outputs:
    test: {type: duckdb, path: ":memory:", schema: segmentry, threads: 1}
"""

Frame = pd.DataFrame | pa.Table


@dataclass(frozen=True)
class Model:
    """A compiled SQL model."""

    name: str
    relation: str
    sql: str
    parents: tuple[str, ...]


@functools.cache
def _workspace() -> tempfile.TemporaryDirectory[str]:
    directory = tempfile.TemporaryDirectory(prefix="segmentry_compiled_")
    (Path(directory.name) / "profiles.yml").write_text(PROFILE)
    return directory


def _invoke(command: list[str], manifest: Any = None) -> Any:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    directory = _workspace().name
    arguments = [
        "--project-dir",
        str(REPO),
        "--profiles-dir",
        directory,
        "--target-path",
        f"{directory}/target",
    ]
    arguments += [
        "--log-path",
        f"{directory}/logs",
        "--log-level",
        "none",
        "--quiet",
        "--no-send-anonymous-usage-stats",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            outcome = dbtRunner(manifest=manifest).invoke([*command, *arguments])
        finally:
            DuckDBConnectionManager.close_all_connections()
    if not outcome.success:
        raise AssertionError(f"dbt {command[0]} failed: {outcome.exception or outcome.result}")
    return outcome.result


@functools.cache
def _manifest() -> Any:
    return _invoke(["parse"])


@functools.cache
def _compiled(vars_as_json: str, layers: tuple[str, ...]) -> dict[str, Model]:
    manifest = _manifest()
    results = _invoke(["compile", "--select", *layers, "--vars", vars_as_json], manifest)
    names = {unique_id: node.name for unique_id, node in manifest.nodes.items()}
    return {
        result.node.name: Model(
            name=result.node.name,
            relation=result.node.relation_name,
            sql=result.node.compiled_code,
            parents=tuple(
                sorted({names[parent] for parent in result.node.depends_on.nodes if parent in names})
            ),
        )
        for result in results.results
        if result.node.resource_type == "model" and result.node.language == "sql"
    }


def compiled(settings: Mapping[str, Any] | None = None, layers: tuple[str, ...] = LAYERS) -> dict[str, Model]:
    """Return the SQL models of some layers by name, compiled with these vars over the defaults."""
    return _compiled(json.dumps(dict(settings or {}), sort_keys=True), layers)


def layers_down_to(names: Iterable[str]) -> tuple[str, ...]:
    """Return the layers up to the lowest one that holds one of the models."""
    folders = {node.name: node.fqn[1] for node in _manifest().nodes.values() if node.resource_type == "model"}
    return LAYERS[: max(LAYERS.index(folders[name]) for name in names) + 1]


def relation_of(name: str) -> str:
    """Return the full name of a seed or model."""
    for node in _manifest().nodes.values():
        if node.name == name and node.resource_type in ("seed", "model"):
            return str(node.relation_name)
    raise KeyError(name)


def in_order(models: Mapping[str, Model], targets: Iterable[str], given: Iterable[str]) -> list[Model]:
    """Return what must be run for `targets`, ancestors first, when the tables `given` are there already.

    Seeds and sources have to be given; one that is missing is reported by DuckDB.
    """
    done = dict.fromkeys(given)
    order: list[Model] = []

    def visit(name: str) -> None:
        if name in done:
            return
        done[name] = None
        if name not in models:
            return
        for parent in models[name].parents:
            visit(parent)
        order.append(models[name])

    for target in targets:
        visit(target)
    return order


class Database:
    """A DuckDB in memory that runs compiled models."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(":memory:", config={"threads": "1"})
        self.connection.execute("set TimeZone = 'UTC'")
        for schema in SCHEMAS:
            self.connection.execute(f"create schema {schema}")

    def put(self, name: str, rows: Frame) -> None:
        """Make a table of a seed or model from rows."""
        self.connection.register("given_rows", rows)
        self.connection.execute(f"create or replace table {relation_of(name)} as select * from given_rows")
        self.connection.unregister("given_rows")

    def run(
        self,
        targets: Iterable[str],
        inputs: Mapping[str, Frame],
        settings: Mapping[str, Any] | None = None,
        replace: Mapping[str, str] | None = None,
    ) -> dict[str, pd.DataFrame]:
        """Run `targets` and what they need over `inputs` (seed or model name -> rows); return their tables.

        `replace` maps texts of the compiled SQL to others: a var that is drawn at random need not be compiled
        each time.
        """
        targets = list(targets)
        models = compiled(settings, layers_down_to(targets))
        for name, rows in inputs.items():
            self.put(name, rows)
        for model in in_order(models, targets, inputs):
            sql = model.sql
            for old, new in (replace or {}).items():
                sql = sql.replace(old, new)
            self.connection.execute(f"create or replace table {model.relation} as {sql}")
        return {name: self.table(name) for name in targets}

    def table(self, name: str) -> pd.DataFrame:
        """Return a table; decimals stay exact."""
        return self.connection.sql(f"select * from {relation_of(name)}").to_arrow_table().to_pandas()


@functools.cache
def database() -> Database:
    """Return the database that the tests of a session share."""
    return Database()


def run(
    models: Iterable[str],
    inputs: Mapping[str, Frame],
    settings: Mapping[str, Any] | None = None,
    replace: Mapping[str, str] | None = None,
) -> dict[str, pd.DataFrame]:
    """Run models over inputs on the shared database; see `Database.run`."""
    return database().run(models, inputs, settings, replace)


def text_table(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> pa.Table:
    """Return rows as a table of text columns: what a CSV file gives."""
    rows = list(rows)
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in columns})
