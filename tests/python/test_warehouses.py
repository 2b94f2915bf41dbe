"""What can be said of warehouses in a cloud without one: strict parse. Not in `make test`: `make test-warehouses`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import DBT, ROOT

pytestmark = pytest.mark.warehouses

TARGETS = ["snowflake", "bigquery", "databricks", "redshift", "trino"]


def parse(project: Path, target: str, work: Path) -> subprocess.CompletedProcess[str]:
    """Parse a project with every warning an error."""
    return subprocess.run(
        [
            *(str(DBT), "--no-use-colors", "parse", "--no-partial-parse", "--quiet"),
            *("--warn-error-options", '{"error": "all"}', "--target", target),
            *("--project-dir", str(project), "--profiles-dir", str(ROOT / "tests/python/warehouses")),
            *("--target-path", str(work / "target"), "--log-path", str(work / "logs")),
        ],
        cwd=work,
        env=os.environ | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("target", TARGETS)
def test_the_project_parses_without_a_warning(target: str, tmp_path: Path) -> None:
    done = parse(ROOT, target, tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ("columns: [{name: id, meaning: x}]", "CustomKeyInObjectDeprecation"),
        ("config: {owner: me}", "CustomKeyInConfigDeprecation"),
        (
            "columns: [{name: id, data_tests: [{accepted_values: {values: [1]}}]}]",
            "MissingArgumentsPropertyInGenericTestDeprecation",
        ),
    ],
)
def test_what_dbt_2_refuses_is_found(planted: str, said: str, tmp_path: Path) -> None:
    """dbt 1.11 looks for it on Snowflake, BigQuery, Databricks and Redshift alone, and passes over it on all others."""
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    shutil.copy(ROOT / "dbt_project.yml", project)
    shutil.copytree(ROOT / "macros", project / "macros")
    (project / "models/customers.sql").write_text("select 1 as id")
    (project / "models/customers.yml").write_text(f"models: [{{name: customers, {planted}}}]")
    (project / "models/groups.yml").write_text("groups: [{name: segmentry, owner: {name: Segmentry}}]")
    done = parse(project, "snowflake", tmp_path)
    assert done.returncode != 0
    assert said in " ".join(done.stdout.split())
