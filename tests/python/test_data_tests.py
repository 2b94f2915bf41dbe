"""The generic data tests find what they are there for, on a warehouse that was damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
from conftest import run_dbt

TABLE = "segmentry_internal.int_segmentry__merge_trees_walked"
KEYED = "segmentry_well_formed_int_segmentry__merge_trees_walked_id__end_id__depth"
DAMAGE = f"""
insert into {TABLE} select * from {TABLE} where id = (select min(id) from {TABLE});
update {TABLE} set depth = null where id = (select max(id) from {TABLE});
"""


def failures(database: Path) -> tuple[int, str]:
    """How many failures the data test of the key finds, and its query."""
    run_dbt("test", "--select", "int_segmentry__merge_trees_walked,test_type:generic", database=database)
    done = json.loads((database.parent / "target" / "run_results.json").read_text())["results"]
    (result,) = (result for result in done if f".{KEYED}." in result["unique_id"])
    return result["failures"], result["compiled_code"]


def test_keys_and_complete_columns(built_demo: Path, tmp_path: Path) -> None:
    database = Path(shutil.copy(built_demo, tmp_path))
    assert failures(database)[0] == 0
    with duckdb.connect(str(database)) as connection:
        repeated = connection.execute(f"select min(id) from {TABLE}").fetchall()[0][0]
        connection.execute(DAMAGE)
    # Two rows of one key and one without depth.
    count, query = failures(database)
    assert count == 3
    with duckdb.connect(str(database)) as connection:
        found = sorted(connection.execute(query).fetchall())
    assert found == [("depth is NULL", 1), (f"id more than once: {repeated}", 2)]
