"""Whole builds from Python: side by side, and one after the other."""

from __future__ import annotations

import gc
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from clone import FAST
from door import contents

import segmentry
from segmentry import PipelineConfig, PipelineResult, run_pipeline


@pytest.fixture(scope="module")
def dataset() -> tuple[pd.DataFrame, pd.DataFrame]:
    return segmentry.generate_small_dataset(n_customers=120, seed=3)


@pytest.fixture(scope="module")
def two_results(
    dataset: tuple[pd.DataFrame, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> tuple[PipelineResult, PipelineResult]:
    """The same input at the same time from two threads: frames to a named place, Arrow tables to none."""
    output = tmp_path_factory.mktemp("named")
    events, history = dataset
    named = PipelineConfig(n_clusters=3, variables=FAST, output=output, database=output / "my data.duckdb")
    before = dict(os.environ)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(run_pipeline, named, events=events, id_history=history)
        second = threads.submit(
            run_pipeline,
            PipelineConfig(n_clusters=3, variables=FAST),
            events=pa.Table.from_pandas(events, preserve_index=False),
            id_history=pa.Table.from_pandas(history, preserve_index=False),
        )
        results = first.result(), second.result()
    assert dict(os.environ) == before
    return results


def test_two_threads_get_the_same(two_results: tuple[PipelineResult, PipelineResult]) -> None:
    first, second = two_results
    assert first.database != second.database
    assert contents(first.database, skip=["llm_usage"]) == contents(second.database, skip=["llm_usage"])
    assert first.timings["total"] >= first.timings["build"] > 0
    assert {"staging", "marts", "report", "input"} <= set(first.timings)
    assert (first.database.parent / "report.html").is_file()


def test_nothing_is_left_behind(two_results: tuple[PipelineResult, PipelineResult]) -> None:
    named, temporary = two_results
    assert "dbt" not in sys.modules
    # The events were written for the build alone, and no view points where they were.
    with duckdb.connect(str(named.database)) as connection:
        names = {
            schema for (schema,) in connection.sql("select schema_name from duckdb_schemas()").fetchall()
        }
    assert "segmentry_input" not in names
    again = PipelineResult.load(temporary.database)
    assert again.summary() == temporary.summary()
    del again
    gc.collect()
    assert temporary.database.exists()


def test_a_later_run_remembers_the_earlier_one(
    dataset: tuple[pd.DataFrame, pd.DataFrame],
    two_results: tuple[PipelineResult, PipelineResult],
    tmp_path: Path,
) -> None:
    events, history = dataset
    earlier = two_results[0]
    database = tmp_path / earlier.database.name
    database.write_bytes(earlier.database.read_bytes())
    files = tmp_path / "events.parquet", tmp_path / "history.csv"
    events[events["event_at"] < events["event_at"].max() - pd.Timedelta(days=10)].to_parquet(files[0])
    history.to_csv(files[1], index=False)
    lines: list[str] = []
    config = PipelineConfig(n_clusters=3, variables=FAST, database=database)
    with run_pipeline(config, events=files[0], id_history=str(files[1]), on_progress=lines.append) as result:
        assert len(result.tables["segmentation_runs"]) == 2
    assert result.tables["segment_migrations"]["customer_count"].sum() > 100
    assert any(line.startswith("marts ready") for line in lines)
    assert database.exists()
