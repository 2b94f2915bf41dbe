"""The plugin of dbt-duckdb: what SQL can't do any more, and the explanation step in a real build."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from dbt_common.exceptions import DbtRuntimeError
from explain_fixture import CASES, document

from segmentry.engines.duckdb_plugin import Plugin, lock_down
from segmentry.engines.explanations import write_explanations
from segmentry.exceptions import ConfigurationError
from segmentry.explain import PROMPT_VERSION, LedgerRow
from segmentry.explain.providers import TemplateProvider

REPO = Path(__file__).parents[2]
REQUEST = {
    "provider": "template",
    "model": f"template-{PROMPT_VERSION}",
    "language": "en",
    "maximum_tokens": 4000,
    "prompt_version": PROMPT_VERSION,
    "schema_version": "1",
}


# ---- Lockdown -----------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory with an input file, a neighbour that is none of our business and a seed."""
    (tmp_path / "it's the input.csv").write_text("a\n1\n")
    (tmp_path / "neighbour.csv").write_text("a\n2\n")
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "seed.csv").write_text("a\n3\n")
    return tmp_path


@pytest.fixture
def locked(place: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Return a cursor on a database that is locked down to the input and the seed, as dbt gets it."""
    inputs = json.dumps([str(place / "it's the input.csv"), str(place / "later.csv")])
    plugin = plugin_with(input_files=inputs, seeds_dir=str(place / "seeds"))
    with duckdb.connect(
        str(place / "warehouse.duckdb"), config={"memory_limit": "60MB", "threads": 2}
    ) as connection:
        plugin.configure_connection(connection)
        yield connection.cursor()


def plugin_with(**config: Any) -> Plugin:
    return Plugin(name="segmentry", plugin_config=config)


def test_input_and_seeds_can_be_read(locked: duckdb.DuckDBPyConnection, place: Path) -> None:
    path = str(place / "it's the input.csv")
    assert locked.execute("from read_csv(?)", [path]).fetchall() == [(1,)]
    locked.execute("create table seed (a integer)")
    locked.execute(f"copy seed from '{place}/seeds/seed.csv' (header true)")
    assert locked.execute("from seed").fetchall() == [(3,)]


@pytest.mark.parametrize(
    "statement",
    [
        "from read_csv('/etc/passwd')",
        "from read_text('/etc/passwd')",
        "from read_csv('{place}/neighbour.csv')",
        "from read_csv('{place}/seeds/../neighbour.csv')",
        "from read_csv('{place}/*.csv')",
        "from read_csv('{place}/later.csv')",
        "from glob('{place}/*')",
        "from read_parquet('https://example.org/x.parquet')",
        "copy (select 1) to '{place}/out.csv'",
        "copy (select 1) to '{place}/seeds/out.csv'",
        "copy (select 1) to '{place}/neighbour.csv' (use_tmp_file false)",
        "export database '{place}/exported'",
        "attach '{place}/other.duckdb'",
        "attach '{place}/seeds/other.duckdb'",
        "install httpfs",
        "load httpfs",
        "load '{place}/evil.so'",
        "set enable_external_access = true",
        "set allowed_directories = ['/']",
        "set allowed_paths = ['/etc/passwd']",
        "reset lock_configuration",
        "set global TimeZone = 'Asia/Tokyo'",
        "set temp_directory = '{place}'",
        "pragma profiling_output = '{place}/profile.json'",
        "create persistent secret s (type http, extra_http_headers map {{'a': 'b'}})",
    ],
)
def test_everything_else_is_refused(locked: duckdb.DuckDBPyConnection, place: Path, statement: str) -> None:
    # The file exists by now, but it did not when the database was locked.
    (place / "later.csv").write_text("a\n4\n")
    before = sorted(place.rglob("*"))
    with pytest.raises(
        (duckdb.PermissionException, duckdb.InvalidInputException, duckdb.IOException)
    ) as error:
        locked.execute(statement.format(place=place)).fetchall()
    assert any(
        words in str(error.value)
        for words in ("disabled by configuration", "disabled through configuration", "has been locked")
    )
    assert sorted(place.rglob("*")) == before
    assert (place / "neighbour.csv").read_text() == "a\n2\n"


def test_a_file_can_be_named_by_way_of_a_link(place: Path) -> None:
    (place / "link.csv").symlink_to(place / "neighbour.csv")
    connection = duckdb.connect()
    plugin_with(input_files=[str(place / "seeds" / ".." / "link.csv")]).configure_connection(connection)
    for name in ("link.csv", "neighbour.csv"):
        assert connection.execute("from read_csv(?)", [str(place / name)]).fetchall() == [(2,)]


def test_time_zone_is_utc_on_every_cursor(locked: duckdb.DuckDBPyConnection) -> None:
    shown = (
        locked.cursor().execute("select cast(timestamptz '2025-01-01 12:00:00+02:00' as varchar)").fetchall()
    )
    assert shown == [("2025-01-01 10:00:00+00",)]


def test_large_sorts_still_spill(locked: duckdb.DuckDBPyConnection) -> None:
    # Without its temporary directory DuckDB runs out of memory here.
    found = locked.execute(
        "select count(distinct k), max(length(v)) from (select md5(cast(range as varchar)) as k,"
        " repeat('x', 100) || range as v from range(300000) order by k limit 299999)"
    ).fetchall()
    assert found == [(299999, 106)]


def test_locking_twice_changes_nothing(locked: duckdb.DuckDBPyConnection, place: Path) -> None:
    again = plugin_with(input_files=[str(place / "it's the input.csv")], seeds_dir=[str(place / "seeds")])
    again.configure_connection(locked)


def test_a_locked_database_can_not_take_new_files(locked: duckdb.DuckDBPyConnection, place: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"without access to '.*neighbour\.csv'"):
        lock_down(locked, [str(place / "neighbour.csv")])
    with pytest.raises(DbtRuntimeError, match=r"neighbour\.csv"):
        plugin_with(input_files=[str(place / "neighbour.csv")]).configure_connection(locked)


@pytest.mark.parametrize("value", ["events.csv", '{"a": 1}', "[1]", 7])
def test_a_wrong_list_of_inputs_is_explained(value: Any) -> None:
    with pytest.raises(DbtRuntimeError, match="must be a list of paths"):
        plugin_with(input_files=value)


@pytest.mark.parametrize("value", [None, "", "[]", []])
def test_no_inputs_are_fine(value: Any) -> None:
    plugin_with(input_files=value).configure_connection(duckdb.connect())


# ---- The explanation step -----------------------------------------------------------------------------

TYPES = {"cost_amount": "decimal(18, 6)", "latency_seconds": "double", "recorded_at": "timestamp"}
COUNTS = ("prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens", "attempts")


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """Return a database with the facts of all cases and an empty ledger."""
    with duckdb.connect() as connection:
        columns = [
            f"{field.name} {'bigint' if field.name in COUNTS else TYPES.get(field.name, 'text')}"
            for field in fields(LedgerRow)
        ]
        connection.execute(f"create table ledger ({', '.join(columns)})")
        connection.execute("create table facts (segment_id text, facts text, request_key text)")
        connection.execute(
            "create table prices as select '*' as model, 1 as prompt_price, 1 as cached_prompt_price,"
            " 1 as completion_price"
        )
        for number, changes in enumerate(CASES.values()):
            source = json.dumps(document({**changes, "segment.segment_id": f"S{number}"}))
            connection.execute("insert into facts values (?, ?, md5(?))", [f"S{number}", source, source])
        yield connection


def write(connection: duckdb.DuckDBPyConnection, invocation: str) -> int:
    config = {
        "facts": "facts",
        "prices": "prices",
        "invocation_id": invocation,
        "request": REQUEST,
        "limits": {"maximum_cost": 1.0},
    }
    cursor = connection.cursor()
    return write_explanations(
        lambda query: cursor.execute(query).fetchall(), cursor.execute, "ledger", config
    )


def test_only_what_is_missing_is_written(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert write(warehouse, "first") == len(CASES)
    assert write(warehouse, "second") == 0
    warehouse.execute(
        "update facts set facts = replace(facts, '0.4021', '0.4022'), request_key = 'new'"
        " where segment_id = 'S0'"
    )
    assert write(warehouse, "third") == 1
    rows = warehouse.execute(
        "select segment_id, rendered like '%40% of expected value%' from ledger where invocation_id = 'third'"
    ).fetchall()
    assert rows == [("S0", True)]


def test_what_was_written_before_a_fault_stays(
    warehouse: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = TemplateProvider.answer
    seen: list[str] = []

    def interrupted(self: TemplateProvider, facts: Any) -> Any:
        # Another cursor sees every row as soon as it is there.
        seen.append(str(warehouse.cursor().execute("select count(*) from ledger").fetchall()[0][0]))
        if len(seen) == 4:
            raise KeyboardInterrupt
        return honest(self, facts)

    monkeypatch.setattr(TemplateProvider, "answer", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(warehouse, "first")
    assert seen == ["0", "1", "2", "3"]
    monkeypatch.undo()
    assert write(warehouse, "second") == len(CASES) - 3


def test_the_ledger_model_has_the_columns_of_the_rows() -> None:
    source = (REPO / "models/explanations/int_segmentry__llm_ledger.sql").read_text()
    columns = [line.split(" as ")[-1].strip(" ,\n") for line in source.splitlines() if "cast(null" in line]
    documented = yaml.safe_load((REPO / "models/explanations/_explanations.yml").read_text())["models"]
    (ledger,) = [model for model in documented if model["name"] == "int_segmentry__llm_ledger"]
    expected = [field.name for field in fields(LedgerRow)]
    assert columns == expected
    assert [column["name"] for column in ledger["columns"]] == expected


# ---- The real thing: the layer alone, built by dbt -----------------------------------------------------

MARTS = ("segment_explanations", "segment_actionability", "llm_usage")
BUILDS = """
import json, sys
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

def query(sql):
    return DuckDBConnectionManager.env().handle().cursor().execute(sql).fetchall()

def count(mart):
    return query(f"select count(*) from segmentry.{mart} where status = 'ok'")[0][0]

def build(*arguments):
    quietly = ["--quiet", "--log-level", "none", "--exclude-resource-type", "unit_test"]
    result = dbtRunner().invoke(["build", *quietly, *arguments])
    assert result.result is not None, result.exception
    rows = query("select segment_id, status, invocation_id from segmentry_internal.int_segmentry__llm_ledger")
    return {
        "success": result.success,
        "failed": [str(node.message) for node in result.result.results if node.status in ("error", "fail")],
        "rows": rows,
        "published": count("segment_explanations"),
        "recommendations": count("segment_actionability"),
    }

seed = "seeds/int_segmentry__segments_summarised.csv"
found = {"first": build()}
text = open(seed).read()
assert text.count("0.81,bootstrap,high,no_test,frequency,0.83") > 3
open(seed, "w").write(text.replace("0.81,bootstrap", "0.82,bootstrap", 1))
found["one fact changed, full refresh"] = build("--full-refresh")
found["empty"] = build("--empty")
found["wrong language"] = build("--vars", "{segmentry_language: tlh}")
try:
    query("from read_csv('/etc/passwd')")
except Exception as error:
    found["refused"] = str(error)
print(json.dumps(found))
"""


def seed_rows() -> dict[str, list[dict[str, Any]]]:
    tables: dict[str, list[dict[str, Any]]] = {
        name: []
        for name in (
            "segments_summarised",
            "segment_features_compared",
            "segment_traits_compared",
            "actions_scored",
            "returns_estimated",
            "rules_checked",
            "viability_scored",
        )
    }
    for number, changes in enumerate(CASES.values()):
        facts = document(changes)
        segment = {"segment_id": f"S{number}"}
        name = {"segment_name": f"{number}: {facts['segment']['segment_name']}"}
        confidence = {
            **facts["confidence"],
            "missing_tests": facts["confidence"]["missing_tests"] or "no_test",
        }
        tables["segments_summarised"].append(
            {
                **{key: value for key, value in facts["segment"].items() if key != "average_clv_all"},
                **segment,
                **name,
                **{
                    key: confidence[key]
                    for key in (
                        "overall_robustness",
                        "weakest_test",
                        "confidence_level",
                        "missing_tests",
                        "worst_block",
                        "worst_block_jaccard",
                    )
                },
            }
        )
        for feature in facts["features"]:
            higher = feature["lift"] > 1
            tables["segment_features_compared"].append(
                {**feature, **segment, "z_score": 1.0 if higher else -1.0, "is_distinctive": True}
            )
        for trait in facts["traits"]:
            tables["segment_traits_compared"].append({**trait, **segment, "is_defining": True})
        nothing = {
            "candidate_rank": 1,
            "candidate": None,
            "candidate_share": None,
            "population_share": None,
            "lift": None,
            "support_count": 0,
            "is_actionable": False,
        }
        known = {action["dimension"] for action in facts["actions"]}
        missing = [
            {"dimension": word, **nothing} for word in ("what", "when", "how", "who") if word not in known
        ]
        tables["actions_scored"] += [
            {**action, **segment, "strength": 0.5} for action in [*facts["actions"], *missing]
        ]
        tables["returns_estimated"].append({**facts["returns"], **segment})
        decision = facts["decision"]
        tables["viability_scored"].append(
            {key: value for key, value in decision.items() if key != "failed_rules"} | segment
        )
        tables["rules_checked"] += [
            {
                **segment,
                "rule": rule,
                "severity": severity,
                "is_passed": rule not in decision["failed_rules"],
                "is_waived": rule == "minimum_share",
            }
            for rule, severity in (
                ("minimum_robustness", "error"),
                ("minimum_total_clv", "error"),
                ("minimum_average_clv", "warning"),
            )
        ]
    return tables


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Build the layer over seeds four times in one process; return what was found after each."""
    project = tmp_path_factory.mktemp("layer")
    shutil.copytree(REPO / "macros", project / "macros")
    shutil.copytree(REPO / "models/explanations", project / "models/explanations")
    (project / "models/marts").mkdir()
    (project / "tests").mkdir()
    for test in REPO.glob("tests/segmentry_explanations_*.sql"):
        shutil.copy(test, project / "tests")
    for mart in MARTS:
        shutil.copy(REPO / f"models/marts/segmentry__{mart}.sql", project / "models/marts")
    shutil.copy(REPO / "models/marts/_docs.md", project / "models/marts")
    shutil.copy(REPO / "models/_groups.yml", project / "models")
    shutil.copy(REPO / "profiles.yml", project)
    properties = yaml.safe_load((REPO / "models/marts/_marts.yml").read_text())
    properties["models"] = [
        model for model in properties["models"] if model["name"].removeprefix("segmentry__") in MARTS
    ]
    (project / "models/marts/_marts.yml").write_text(yaml.safe_dump(properties))
    (project / "models/int_segmentry__run.sql").write_text("select 'run' as run_id")
    (project / "models/stg_segmentry__model_prices.sql").write_text(
        "select '*' as model, 1 as prompt_price, 1 as cached_prompt_price, 1 as completion_price"
    )
    config = yaml.safe_load((REPO / "dbt_project.yml").read_text())
    config["on-run-start"] = []
    config["seeds"]["segmentry"]["int_segmentry__segments_summarised"] = {
        "+column_types": {
            "total_clv": "decimal(18,2)",
            "average_clv": "decimal(18,2)",
            "order_count": "bigint",
        }
    }
    (project / "dbt_project.yml").write_text(yaml.safe_dump(config))
    (project / "seeds").mkdir()
    for name, rows in seed_rows().items():
        with (project / f"seeds/int_segmentry__{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEGMENTRY_")}
    done = subprocess.run(
        [sys.executable, "-c", BUILDS],
        cwd=project,
        env={**environment, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "SEGMENTRY_INPUT_FILES": "[]"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_build_explains_every_segment(builds: dict[str, Any]) -> None:
    first = builds["first"]
    assert first["failed"] == []
    assert first["success"]
    assert sorted(row[0] for row in first["rows"]) == sorted(f"S{number}" for number in range(len(CASES)))
    assert {row[1] for row in first["rows"]} == {"ok"}
    assert first["published"] == len(CASES)
    assert first["recommendations"] == 4 * len(CASES)


def test_a_full_refresh_keeps_the_ledger_and_asks_for_what_changed(builds: dict[str, Any]) -> None:
    before = builds["first"]["rows"]
    after = builds["one fact changed, full refresh"]
    assert after["failed"] == []
    assert after["rows"][: len(before)] == before
    assert [row[:2] for row in after["rows"][len(before) :]] == [["S0", "ok"]]
    assert after["published"] == len(CASES)


def test_an_empty_build_passes_and_writes_nothing(builds: dict[str, Any]) -> None:
    empty = builds["empty"]
    assert empty["failed"] == []
    assert empty["rows"] == builds["one fact changed, full refresh"]["rows"]
    assert empty["published"] == 0


def test_a_wrong_setting_stops_the_build_with_one_sentence(builds: dict[str, Any]) -> None:
    wrong = builds["wrong language"]
    assert not wrong["success"]
    (message,) = wrong["failed"]
    assert "There is no explanation template in 'tlh'. Available: de, en." in message
    assert "Traceback" not in message


def test_the_database_of_a_build_is_locked_down(builds: dict[str, Any]) -> None:
    assert "disabled by configuration" in builds["refused"]
