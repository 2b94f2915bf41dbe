"""The whole way through the door for files, as a user takes it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import ROOT
from door import contents, log_messages, rows, run

from segmentry.synthetic import generate_small_dataset

# What is the same for two builds is so with few replicates as well.
FEW = {"segmentry_null_replicates": 2, "segmentry_bootstrap_replicates": 10}


def vars_of(**more: Any) -> list[str]:
    return ["--vars", json.dumps(FEW | more)]


@pytest.fixture(scope="module")
def dataset() -> tuple[pd.DataFrame, pd.DataFrame]:
    return generate_small_dataset(n_customers=300, seed=5)


@pytest.fixture(scope="module")
def parquet_build(
    dataset: tuple[pd.DataFrame, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    directory = tmp_path_factory.mktemp("door")
    events, history = dataset
    events.to_parquet(directory / "events.parquet")
    history.to_parquet(directory / "merges.parquet")
    done = run(
        "--events", "events.parquet", "--id-history", "merges.parquet", "--output", "out", *vars_of(), cwd=directory
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
    assert "marts ready" in done.stderr
    assert "Traceback" not in done.stderr
    return directory / "out"


def test_everything_is_where_it_was_promised(parquet_build: Path) -> None:
    assert {path.name for path in parquet_build.iterdir()} >= {
        "warehouse.duckdb",
        "report.html",
        "report.json",
        "charts",
    }
    charts = {path.suffix for path in (parquet_build / "charts").iterdir()}
    assert charts == {".svg", ".png"}
    tables = {
        name
        for (name,) in rows(
            parquet_build / "warehouse.duckdb",
            "select table_name from information_schema.tables where table_schema = 'segmentry'",
        )
    }
    assert len(tables) == len(list((ROOT / "models" / "marts").glob("*.sql")))


def test_order_of_rows_format_and_threads_do_not_matter(
    dataset: tuple[pd.DataFrame, pd.DataFrame],
    parquet_build: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events, history = dataset
    events.sample(frac=1, random_state=3).to_csv(tmp_path / "events.csv", index=False)
    history.sample(frac=1, random_state=4).to_csv(tmp_path / "merges.csv", index=False)
    monkeypatch.setenv("SEGMENTRY_THREADS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    done = run(
        "--events", "events.csv", "--id-history", "merges.csv", "--output", "out", "--quiet", *vars_of(), cwd=tmp_path
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    # The run itself is another one: its input is text where the other has numbers.
    assert without_run(contents(tmp_path / "out" / "warehouse.duckdb")) == without_run(
        contents(parquet_build / "warehouse.duckdb")
    )


def without_run(tables: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Leave out what carries the hash of the input."""
    (run_id,) = {row[0] for row in tables["segmentation_runs"]}
    kept = {
        name: content for name, content in tables.items() if name not in ("segmentation_runs", "llm_usage")
    }
    return {
        name: [tuple("run" if value == run_id else value for value in row) for row in content]
        for name, content in kept.items()
    }


def test_a_later_run_keeps_the_ids(
    dataset: tuple[pd.DataFrame, pd.DataFrame], parquet_build: Path, tmp_path: Path
) -> None:
    events, history = dataset
    shutil.copytree(parquet_build, tmp_path / "out")
    earlier = pd.Timestamp(events["event_at"].max()).normalize() - pd.Timedelta(days=20)
    events.to_parquet(tmp_path / "events.parquet")
    history.to_parquet(tmp_path / "merges.parquet")
    k = rows(parquet_build / "warehouse.duckdb", "select count(*) from segmentry.segments")[0][0]
    done = run(
        "--events", "events.parquet", "--id-history", "merges.parquet", "--output", "out", "--quiet",
        "--as-of", f"{earlier:%Y-%m-%d}", *vars_of(segmentry_k=k), cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    database = tmp_path / "out" / "warehouse.duckdb"
    assert rows(database, "select count(*) from segmentry.segmentation_runs") == [(2,)]
    (ari,) = rows(
        database, "select ari_to_previous from segmentry.segmentation_runs where ari_to_previous is not null"
    )[0]
    assert 0.5 < ari <= 1
    stayed, moved = rows(
        database,
        "select sum(case when is_move then 0 else customer_count end), sum(case when is_move then customer_count else 0 end) from segmentry.segment_migrations",
    )[0]
    # An independent count of the same, customer by customer.
    independent = rows(
        database,
        """
        select count(*) filter (earlier.segment_id = now.segment_id), count(*) filter (earlier.segment_id <> now.segment_id)
        from segmentry.customers as now
        inner join segmentry.segment_member_history as earlier on earlier.customer_id = now.customer_id and earlier.run_id <> now.run_id
        """,
    )[0]
    assert (stayed, moved) == independent
    assert stayed > moved


def test_too_few_customers_is_a_result_and_logs_are_json(tmp_path: Path) -> None:
    pd.DataFrame(
        {
            "customer_id": ["a", "b"],
            "event_at": "2026-01-01 10:00:00",
            "event_type": "purchase",
            "amount": [5, 7],
            "Shoe size": 42,
        }
    ).to_csv(tmp_path / "events.csv", index=False)
    done = run("--events", "events.csv", "--output", 'o"ut', "--log-format", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    database = tmp_path / 'o"ut' / "warehouse.duckdb"
    assert rows(
        database, "select status, customer_count, segment_count from segmentry.segmentation_runs"
    ) == [("insufficient_data", 2, 0)]
    assert rows(database, "select count(*), sum(net_revenue) from segmentry.customers") == [(2, 12)]
    assert (tmp_path / 'o"ut' / "report.html").stat().st_size > 1000
    progress = log_messages(done.stderr)
    assert {line["level"] for line in progress} == {"info"}
    ignored = [line["message"] for line in progress if "ignored" in line["message"]]
    assert ignored == ["Columns of events that are not known and are ignored: shoe size"]
    ready = [line["message"].split()[0] for line in progress if " ready after " in line["message"]]
    assert ready[-2:] == ["marts", "report"]
    assert [line["time"] for line in progress] == sorted(line["time"] for line in progress)
    found, trust, where = (line["message"] for line in log_messages(done.stdout))
    assert found.startswith("No segments")
    assert "segmentry.customers" in trust
    assert 'o"ut/report.html' in where


def test_identical_customers_are_one_segment(tmp_path: Path) -> None:
    pd.DataFrame(
        {
            "customer_id": [f"c{number}" for number in range(80)],
            "event_at": "2026-01-01 10:00:00",
            "event_type": "purchase",
            "amount": 5,
        }
    ).to_csv(tmp_path / "events.csv", index=False)
    done = run("--events", "events.csv", "--output", "out", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    database = tmp_path / "out" / "warehouse.duckdb"
    assert rows(database, "select status, segment_count from segmentry.segmentation_runs") == [
        ("single_segment", 1)
    ]
    assert rows(
        database, "select segment_id, customer_count, is_production_ready from segmentry.segments"
    ) == [("S1", 80, False)]


@pytest.mark.parametrize(
    ("frame", "words", "said"),
    [
        ({"customer": ["a"], "event_at": ["2026-01-01"], "event_type": ["purchase"]}, [], ["customer_id", "Found: customer, event_at, event_type"]),
        ({"customer_id": ["a"], "event_at": ["2026-01-01"], "event_type": ["x"]}, ["--vars", "{segmentry_k_method: best, segmentry_explanation_provider: openai}"], ["segmentry_k_method", "auto, elbow, silhouette", "openai needs the name of a model"]),
        ({"customer_id": ["a"], "event_at": ["2026-01-01"], "event_type": ["x"]}, ["--as-of", "tomorrow"], ["segmentry_as_of", "2026-01-31"]),
    ],
)  # fmt: skip
def test_mistakes_are_explained(
    tmp_path: Path, frame: dict[str, list[str]], words: list[str], said: list[str]
) -> None:
    pd.DataFrame(frame).to_csv(tmp_path / "events.csv", index=False)
    done = run("--events", "events.csv", "--output", "out", *words, cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "macro" not in done.stderr
    for text in said:
        assert text in done.stderr
    assert not (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--events", "nowhere.csv"], "nowhere.csv was not found"),
        (["--events", "events.xlsx"], "needed is .parquet or .csv"),
        (["--events", "events.parquet"], "could not be read"),
        (["--events", "events.csv", "--vars", "[1]"], "must be a mapping"),
        (["--events", "latin.csv"], "must be UTF-8"),
        (["--events", "events.csv", "--output", "events.csv"], "is a file; needed is a directory"),
        (
            ["--events", "events.csv", "--vars", "{segmentry_k: four}"],
            'segmentry_k is "four"; it must be an integer',
        ),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "events.xlsx").write_text("x")
    (tmp_path / "events.parquet").write_text("not parquet")
    (tmp_path / "events.csv").write_text("customer_id,event_at,event_type\n")
    (tmp_path / "latin.csv").write_bytes(
        "customer_id,event_at,event_type\nJosé,2026-01-01,page_view\n".encode("latin-1")
    )
    done = run(*(words if "--output" in words else [*words, "--output", "out"]), cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
