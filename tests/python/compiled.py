"""Run the SQL models of the project on small tables: compiled once, executed hundreds of times.

A build of the project takes seconds, a property test needs hundreds. The library compiles the models once per set of
vars; here they run on a DuckDB in memory, on whatever tables a test puts in the place of seeds or models.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from segmentry.engines.compiled import SCHEMAS, Model, compiled_models, in_order, relations
from segmentry.project import parsed

REPO = Path(__file__).parents[2]
LAYERS = ("staging", "identity", "profiles", "segmentation")

Frame = pd.DataFrame | pa.Table
# Python models are not run here; where a test gives no fit of value, there is none: the heuristic estimates it.
NO_FIT: dict[str, Frame] = {
    "int_segmentry__clv_fitted": pa.schema(
        [
            ("method", pa.string()),
            *((name, pa.float64()) for name in ("r", "alpha", "a", "b", "p", "q", "gamma")),
            *((name, pa.bool_()) for name in ("is_clv_method", "is_churn_method")),
        ]
    ).empty_table(),
    "int_segmentry__clv_grid_computed": pa.schema(
        [("repeat_count", pa.int64()), ("observed_days", pa.int64()), ("purchases_if_alive", pa.float64())]
    ).empty_table(),
}


def compiled(settings: Mapping[str, Any] | None = None, layers: tuple[str, ...] = LAYERS) -> dict[str, Model]:
    """Return the SQL models of some layers by name, compiled with these vars over the defaults."""
    return compiled_models(layers, json.dumps(dict(settings or {}), sort_keys=True))


def layers_down_to(names: Iterable[str]) -> tuple[str, ...]:
    """Return the layers up to the lowest one that holds one of the models."""
    nodes = parsed("memory").nodes.values()
    folders = {node.name: node.fqn[1] for node in nodes if node.resource_type == "model"}
    return LAYERS[: max(LAYERS.index(folders[name]) for name in names) + 1]


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
        self.connection.execute(f"create or replace table {relations()[name]} as select * from given_rows")
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
        inputs = {**NO_FIT, **inputs}
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
        return self.connection.sql(f"select * from {relations()[name]}").to_arrow_table().to_pandas()


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
