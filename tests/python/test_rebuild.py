"""The same input again is the same run."""

from __future__ import annotations

import shutil
from pathlib import Path

from conftest import run_dbt
from door import contents


def test_the_same_input_again_gives_the_same_tables(built_demo: Path, tmp_path: Path) -> None:
    database = tmp_path / "warehouse.duckdb"
    shutil.copy(built_demo, database)
    before = contents(database)
    rebuilt = run_dbt("build", "--exclude-resource-type", "unit_test", database=database)
    assert rebuilt.returncode == 0, rebuilt.stdout[-3000:]
    assert contents(database) == before
