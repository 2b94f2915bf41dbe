"""What can be said of warehouses in a cloud without one: strict parse, the SQL that is rendered for them, and Snowflake as fakesnow imitates it.

Not in `make test`: `make test-warehouses`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import sqlglot
from conftest import DBT, ROOT, invoke_on
from rendered import rendered
from snowflake_imitation import TARGET, Warehouse, imitation
from test_postgres import FAST, as_text, assert_marts_are_those_of_duckdb, put

from segmentry.explain.warehouse import explain_segments
from segmentry.project import environment, parsed
from segmentry.synthetic import generate_dataset

pytestmark = [
    pytest.mark.warehouses,
    # Of the imitation and of the adapters.
    pytest.mark.filterwarnings("ignore"),
]

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


# Functions that the SQL of the project may call everywhere: every engine is known to have them.
EVERYWHERE = set(
    [
        "abs",
        "avg",
        "cast",
        "coalesce",
        "concat",
        "count",
        "dense_rank",
        "exp",
        "extract",
        "first_value",
        "floor",
        "greatest",
        "lag",
        "lead",
        "least",
        "length",
        "ln",
        "lower",
        "max",
        "md5",
        "min",
        "mod",
        "ntile",
        "nullif",
        "percent_rank",
        "power",
        "replace",
        "round",
        "row_number",
        "sqrt",
        "substr",
        "substring",
        "sum",
        "trim",
        "upper",
    ]
)
# And those that one engine is known to have, by its reference: what the variants in macros/sql are for.
KNOWN = {
    "snowflake": "convert_timezone current_version dateadd datediff dayofweekiso flatten hash json_extract_path_text listagg percentile_cont "
    "position regexp_instr regexp_like regexp_replace regexp_substr_all split_part to_json to_variant try_cast",
    "bigquery": "approx_quantiles datetime datetime_add datetime_diff farm_fingerprint is_inf is_nan json_value offset regexp_contains "
    "regexp_extract_all regexp_replace safe_cast safe_offset split string_agg strpos struct timestamp to_hex to_json_string unnest",
    "databricks": "date_trunc double explode from_utc_timestamp get get_json_object isnan listagg named_struct percentile_cont position regexp_extract "
    "regexp_extract_all regexp_replace split timestampadd timestampdiff to_json to_utc_timestamp try_cast typeof version xxhash64",
    "redshift": "btrim convert_timezone dateadd datediff farmfingerprint64 json_extract_path_text json_serialize len listagg percentile_cont "
    "position regexp_count regexp_replace regexp_substr split_part try_cast version",
    "trino": "approx_percentile array_agg array_join date_add date_diff day_of_week from_big_endian_64 hour is_finite json_extract_scalar "
    "json_format minute position regexp_extract_all regexp_like regexp_replace row second split_part to_hex to_milliseconds to_utf8 "
    "try_cast unnest version with_timezone xxhash64",
}
# Words before a parenthesis that call nothing.
WORDS = set(
    [
        "all",
        "and",
        "as",
        "between",
        "by",
        "case",
        "distinct",
        "else",
        "end",
        "exists",
        "from",
        "group",
        "in",
        "inner",
        "join",
        "lateral",
        "matches",
        "not",
        "numeric",
        "decimal",
        "number",
        "on",
        "or",
        "order",
        "over",
        "partition",
        "select",
        "then",
        "union",
        "using",
        "values",
        "when",
        "where",
        "with",
        "timestamp",
        "varchar",
        "tuple",
        "time",
    ]
)


def called(statement: str) -> set[str]:
    """Names before a parenthesis, those in texts, comments and column lists of CTEs left out."""
    bare = re.sub(r"--[^\n]*", "", re.sub(r"'(?:[^'\\]|\\.|'')*'|\$\$.*?\$\$", "''", statement, flags=re.S))
    return {name.lower() for name in re.findall(r"\b([A-Za-z_][A-Za-z_0-9]*)\s*\(", bare)} - WORDS


@pytest.mark.parametrize("target", TARGETS)
def test_every_statement_is_one_in_the_dialect_and_calls_what_the_engine_has(target: str) -> None:
    statements = rendered(target)
    assert len(statements) > 250
    unknown: dict[str, set[str]] = {}
    for name, statement in statements.items():
        assert len([tree for tree in sqlglot.parse(statement, read=target) if tree is not None]) == 1, name
        missing = called(statement) - EVERYWHERE - set(KNOWN[target].split())
        if missing:
            unknown[name] = missing
    assert not unknown


def test_a_function_of_another_engine_is_found() -> None:
    assert called("select strptime(a, '(x)') -- and(b)\nfrom t") == {"strptime"}
    with pytest.raises(sqlglot.ParseError):
        sqlglot.parse("select a from t where b ilike any", read="bigquery")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Warehouse]]:
    """The same customers on DuckDB and on the imitation of Snowflake, whose Python models have the answers of DuckDB's."""
    work = tmp_path_factory.mktemp("golden")
    dataset = generate_dataset(n_customers=300, events_per_customer=30, seed=3)
    inputs = {
        "segmentry_demo_events": as_text(dataset.events),
        "segmentry_demo_id_history": as_text(dataset.id_history),
    }
    database = work / "warehouse.duckdb"
    put(database, inputs)
    variables = {f"segmentry_{name}": value for name, value in FAST.items()}
    manifest = parsed("warehouse", json.dumps(variables, sort_keys=True))
    build = ["build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"]
    build += ["--exclude", *inputs]
    assert not invoke_on(database, *build, variables=variables, manifest=manifest)
    in_python = sorted(
        node.name
        for node in manifest.nodes.values()
        if node.resource_type == "model" and node.language == "python"
    )
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        answers = {
            name: connection.sql(f"select * from segmentry_internal.{name}").to_arrow_table()
            for name in in_python
        }
    with imitation() as connection:
        warehouse = Warehouse(connection, work / "snowflake", FAST)
        warehouse.put("segmentry_internal", inputs | answers)
        assert not warehouse.dbt(*build, *in_python)
        with environment(TARGET):
            explain_segments(target="snowflake", variables=variables)
        yield database, warehouse


def test_marts_on_snowflake_are_those_of_duckdb(built: tuple[Path, Warehouse]) -> None:
    database, warehouse = built
    assert_marts_are_those_of_duckdb(database, warehouse.rows, runs=1)


def test_data_tests_pass_on_snowflake(built: tuple[Path, Warehouse]) -> None:
    _, warehouse = built
    # Compares two sums of money, and the imitation sums decimals as doubles: see below.
    unfair = "segmentry_profiles_sum_to_events"
    assert not warehouse.dbt("test", "--exclude-resource-type", "unit_test", "--exclude", unfair)


def test_what_the_imitation_can_not_do(built: tuple[Path, Warehouse]) -> None:
    """What docs/engines.md says of it; when one of these fails, more can be tested."""
    _, warehouse = built
    sums = "select sum(x) from (select cast(1.1 as number(18, 2)) as x union all select 2.2 union all select 0.1) as t"
    assert warehouse.rows(sums) == [(3.4000000000000004,)]
    # How dbt-snowflake starts to replace rows of a history.
    with pytest.raises(Exception, match="TEMPORARY table names"):
        warehouse.rows("create or replace temporary table warehouse.segmentry.new_rows as select 1 as id")
    said = warehouse.dbt("run", "--select", "segmentry__segment_history")
    assert "TEMPORARY table names" in said
    said = warehouse.dbt("run", "--select", "int_segmentry__k_selected")
    assert "int_segmentry__k_selected" in said
