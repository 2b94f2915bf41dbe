"""The SQL models of the project on frames: compiled by dbt once, run on a DuckDB in memory many times.

This is how the Python doors use the project's SQL without a warehouse: the statements are those that
``dbt build`` runs, only the tables that they start from are given.
"""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentry.exceptions import ConfigurationError, PipelineError
from segmentry.project import declared_vars, invoke, parsed, readable, run_operation

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CompiledModels", "Model", "compiled_models", "compiled_query", "in_order", "relations"]

SCHEMAS = ("segmentry", "segmentry_internal")


@dataclass(frozen=True)
class Model:
    """A compiled SQL model: its name, where and how it is built, its statement and what it reads."""

    name: str
    relation: str
    sql: str
    parents: tuple[str, ...]
    is_view: bool


@functools.cache
def _work() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="segmentry_compiled_")


def _invoke(arguments: list[str]) -> Any:
    # A database in memory is called "memory" by dbt and by DuckDB: the compiled names fit as they are.
    values = {"SEGMENTRY_DB": ":memory:", "SEGMENTRY_THREADS": "1", "SEGMENTRY_INPUT_FILES": "[]"}
    outcome = invoke(arguments, work=Path(_work().name), values=values, manifest=parsed("memory"))
    if not outcome.success:
        raise PipelineError(readable(outcome.exception))
    return outcome.result


@functools.cache
def relations() -> dict[str, str]:
    """Return the full name of every seed and model."""
    nodes = parsed("memory").nodes.values()
    return {node.name: node.relation_name for node in nodes if node.resource_type in ("seed", "model")}


@functools.cache
def _seeds() -> dict[str, str]:
    """Return the statement that reads each seed from its file."""
    statements = {}
    for node in parsed("memory").nodes.values():
        if node.resource_type == "seed":
            path = str(Path(node.root_path) / node.original_file_path).replace("'", "''")
            types = ", ".join(f"'{column}': '{kind}'" for column, kind in node.config.column_types.items())
            statements[node.name] = f"select * from read_csv('{path}', header = true, types = {{{types}}})"
    return statements


@functools.cache
def compiled_models(select: tuple[str, ...], variables: str = "{}") -> dict[str, Model]:
    """Compile SQL models.

    Parameters
    ----------
    select
        What dbt selects, such as ``+name`` or a folder.
    variables
        Vars of the project that override its defaults, as JSON.

    Returns
    -------
    dict of str to Model
        By name; Python models are not among them.
    """
    manifest = parsed("memory")
    names = {identity: node.name for identity, node in manifest.nodes.items()}
    results = _invoke(["compile", "--select", *select, "--vars", variables])
    return {
        result.node.name: Model(
            name=result.node.name,
            relation=result.node.relation_name,
            sql=result.node.compiled_code,
            parents=tuple(
                sorted({names[parent] for parent in result.node.depends_on.nodes if parent in names})
            ),
            is_view=result.node.config.materialized == "view",
        )
        for result in results.results
        if result.node.resource_type == "model" and result.node.language == "sql"
    }


@functools.cache
def _checked(variables: str) -> None:
    run_operation("validate_config", ":memory:", variables=variables)


@functools.cache
def compiled_query(text: str, variables: str = "{}") -> str:
    """Return a piece of Jinja as the SQL that dbt makes of it, with some vars as JSON."""
    results = _invoke(["compile", "--inline", text, "--vars", variables])
    return str(results.results[0].node.compiled_code)


def in_order(models: Mapping[str, Model], targets: Iterable[str], given: Iterable[str]) -> list[Model]:
    """Return what must be run for `targets` when the tables `given` are there, ancestors first.

    What is neither a model nor given, such as a seed, has to be there already.
    """
    done = set(given)
    order: list[Model] = []

    def visit(name: str) -> None:
        if name in done or name not in models:
            return
        done.add(name)
        for parent in models[name].parents:
            visit(parent)
        order.append(models[name])

    for target in targets:
        visit(target)
    return order


class CompiledModels:
    """Models of the project with their ancestors, compiled for some vars.

    Parameters
    ----------
    targets
        Names of the models that are wanted.
    variables
        Vars of the project that override its defaults.

    Raises
    ------
    ConfigurationError
        A var has a value that it can't have.
    """

    def __init__(self, targets: Iterable[str], variables: Mapping[str, Any] | None = None) -> None:
        self.targets = tuple(targets)
        self.variables = dict(variables or {})
        chosen = json.dumps(self.variables, sort_keys=True)
        try:
            # A build checks its vars in a hook, which compiling does not run.
            _checked(chosen)
        except PipelineError as error:
            raise ConfigurationError(str(error)) from error
        self.models = compiled_models(tuple(f"+{name}" for name in self.targets), chosen)

    def build(
        self,
        inputs: Mapping[str, Any],
        connection: Any,
        targets: Iterable[str] | None = None,
        *,
        there: Iterable[str] = (),
    ) -> list[str]:
        """Build the tables of the targets and of what they need in a DuckDB that is called ``memory``.

        Parameters
        ----------
        inputs
            Name of a seed or model -> its rows: a pandas frame, an Arrow table, or whatever DuckDB registers.
        connection
            A DuckDB in memory, or a file ``memory.duckdb``.
        targets
            Some of the targets; all when left out.
        there
            Names of models that an earlier call has built.

        Returns
        -------
        list of str
            Names of the models that are there now.
        """
        connection.execute("set TimeZone = 'UTC'")
        for schema in SCHEMAS:
            connection.execute(f"create schema if not exists {schema}")
        for name, rows in inputs.items():
            connection.register("given_rows", rows)
            connection.execute(f"create or replace table {relations()[name]} as select * from given_rows")
            connection.unregister("given_rows")
        order = in_order(self.models, targets or self.targets, [*inputs, *there])
        needed = {parent for model in order for parent in model.parents}
        for name in sorted(needed & set(_seeds()) - set(inputs)):
            connection.execute(f"create table if not exists {relations()[name]} as {_seeds()[name]}")
        for model in order:
            kind = "view" if model.is_view else "table"
            connection.execute(f"create or replace {kind} {model.relation} as {model.sql}")
        return [*there, *(model.name for model in order)]

    def setting(self, name: str) -> Any:
        """Return the value of a var of the project, named without its prefix."""
        return self.variables.get(f"segmentry_{name}", declared_vars()[f"segmentry_{name}"])

    def run(self, inputs: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
        """Run the models over frames, as `build` does, on a new database.

        Returns
        -------
        dict of str to pandas.DataFrame
            The rows of each target; decimals stay exact.
        """
        import duckdb

        with duckdb.connect(":memory:", config={"threads": "2"}) as connection:
            self.build(inputs, connection)
            return {
                name: connection.sql(f"select * from {relations()[name]}").to_arrow_table().to_pandas()
                for name in self.targets
            }
