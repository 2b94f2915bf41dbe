"""Segmentry as a package of somebody else's dbt project: tests/python/consumer_project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from clone import copied, run
from conftest import DBT
from door import rows


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project in a clone of its own: dbt deps links the package into it."""
    project = copied(tmp_path_factory.mktemp("consumer")) / "tests" / "python" / "consumer_project"
    with duckdb.connect(str(project / "warehouse.duckdb")) as connection:
        connection.execute("create schema raw")
        connection.execute(
            """
            create table raw.web_events as
            select * from (values
                (1, 'u1', timestamp '2026-03-01 09:00:00', 'item_view', 'Garden', null),
                (2, 'u1', timestamp '2026-03-01 09:05:00', 'order', 'Garden', 30.00),
                (3, 'u2', timestamp '2026-03-02 10:00:00', 'order', 'Home', 20.00),
                (4, 'u3', timestamp '2026-03-02 11:00:00', 'order', 'Home', 15.00)
            ) as given_rows (event_number, user_id, happened_at, action, shelf, paid)
            """
        )
        connection.execute(
            """
            create table raw.logins as
            select 'u3' as old_id, 'u2' as new_id, timestamp '2026-03-03' as merged_at
            """
        )
    run(DBT, "deps", cwd=project)
    return project


@pytest.fixture(scope="module")
def manifest(project: Path) -> dict[str, Any]:
    run(DBT, "parse", "--warn-error", cwd=project)
    return json.loads((project / "target" / "manifest.json").read_text())


def test_own_tables_and_seeds_take_the_place_of_the_examples(manifest: dict[str, Any]) -> None:
    parents = {
        name: manifest["nodes"][f"model.segmentry.stg_segmentry__{name}"]["depends_on"]["nodes"]
        for name in ("events", "id_merges", "campaign_assumptions", "exchange_rates")
    }
    assert parents == {
        "events": ["model.shop.shop_events"],
        "id_merges": ["source.shop.shop.logins"],
        "campaign_assumptions": ["seed.shop.shop_campaign_costs"],
        "exchange_rates": ["seed.segmentry.segmentry_exchange_rates"],
    }
    assert not [name for name in manifest["nodes"] if "segmentry_demo" in name]


def test_private_models_are_refused(project: Path) -> None:
    said = run(DBT, "parse", "--vars", "{shop_reads_private: true}", cwd=project, succeeds=False)
    assert "model.shop.reads_private attempted to reference node" in said
    assert "int_segmentry__profiles_joined" in said
    assert "protected" in said


def test_a_public_mart_is_built_from_own_tables(project: Path, manifest: dict[str, Any]) -> None:
    # cautious: a data test that reads tables beyond the selection waits for a whole build.
    narrow = ["--select", "+favourite_shelves", "--indirect-selection", "cautious"]
    run(DBT, "build", *narrow, "--exclude-resource-type", "unit_test", cwd=project)
    database = project / "warehouse.duckdb"
    # u3 is u2: two customers bought or looked at something.
    assert rows(database, "select * from shop.favourite_shelves order by category") == [
        ("Garden", 1, 1),
        ("Home", 1, 2),
    ]
    schemas = rows(database, "select distinct table_schema from information_schema.tables order by 1")
    assert schemas == [("raw",), ("segmentry",), ("segmentry_internal",), ("shop",)]
    zone = rows(database, "select max(as_of) from segmentry_internal.int_segmentry__run")
    assert f"{zone[0][0]:%Y-%m-%d}" == "2026-03-03"


def test_a_demo_that_is_off_and_not_replaced_is_explained(project: Path) -> None:
    text = (project / "dbt_project.yml").read_text()
    lines = [line for line in text.splitlines() if "segmentry_events:" not in line]
    (project / "dbt_project.yml").write_text("\n".join(lines))
    try:
        said = run(DBT, "parse", cwd=project, succeeds=False)
    finally:
        (project / "dbt_project.yml").write_text(text)
    assert "segmentry_demo_events" in said
    assert "disabled" in said


def test_a_wrong_column_can_be_put_right_and_stops_nothing_else(project: Path) -> None:
    view = project / "models" / "shop_events.sql"
    right = view.read_text()
    wrong = right.replace("as customer_id", "as visitor, 7 as shoe_size")
    assert wrong != right
    select = ["run", "--select", "shop_events", "stg_segmentry__events"]
    needs = "shop_events lacks the mandatory column customer_id"
    view.write_text(wrong)
    try:
        # Whether the view is not there yet, or there as it was: it is looked at once this very build has made it.
        for _ in range(2):
            assert needs in run(DBT, *select, cwd=project, succeeds=False)
        assert needs in run(DBT, "run", "--select", "stg_segmentry__events", cwd=project, succeeds=False)
        # What is not Segmentry's goes its own way.
        run(DBT, "run", "--select", "shop_events", cwd=project)
    finally:
        view.write_text(right)
    run(DBT, *select, cwd=project)
