"""The doors to a whole build from Python."""

from __future__ import annotations

import gc
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

import segmentry
from segmentry import PipelineConfig, PipelineResult, run_pipeline
from segmentry.exceptions import ConfigurationError, DataValidationError, PipelineError
from segmentry.pipeline import _as_file


class Stream:
    """A frame of some library that this project does not know: it hands out an Arrow stream and no more."""

    def __init__(self, frame: pd.DataFrame) -> None:
        table = pa.Table.from_pandas(frame, preserve_index=False)
        # As polars does it: strings as views.
        fields = [
            pa.field(field.name, pa.string_view() if pa.types.is_string(field.type) else field.type)
            for field in table.schema
        ]
        self._table = table.cast(pa.schema(fields))

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)


@pytest.fixture(scope="module")
def dataset() -> tuple[pd.DataFrame, pd.DataFrame]:
    return segmentry.generate_small_dataset(n_customers=120, seed=3)


def test_a_result_holds_what_the_tables_hold(built_demo: Path) -> None:
    result = PipelineResult.load(built_demo, timings={"total": 2.5}, warnings=["some_test"])
    assert result.status == "ok"
    assert [segment.segment_id for segment in result.segments] == [f"S{number}" for number in range(1, 6)]
    assert sum(segment.size for segment in result.segments) == len(result.profiles) > 900
    assert "5 segments" in repr(result)
    for segment in result.segments:
        row = result.tables["segments"].set_index("segment_id").loc[segment.segment_id]
        score = result.robustness[segment.segment_id]
        assert score.overall_robustness == row["overall_robustness"]
        deciding = [test.mean_score for test in score.tests if test.is_deciding]
        assert min(value for value in deciding if value is not None) == score.overall_robustness
        assert (segment in result.valid_segments) == row["is_valid"]
        assert (segment in result.actionable_segments) == row["is_actionable"]
        assert (segment in result.production_ready_segments) == row["is_production_ready"]
        checks = result.validation[segment.segment_id]
        failed = [check for check in checks if check.severity == "error" and not check.is_passed]
        assert row["is_valid"] == (not failed)
        viability = result.viability[segment.segment_id]
        assert result.actionability[segment.segment_id].decision == viability.decision
        assert result.explanations[segment.segment_id].headline
        assert result.get_segment_details(segment.segment_id).segment_name == segment.name
        assert segment.name in result.summary()
    told = json.loads(json.dumps(result.to_dict()))
    assert (told["timings"], told["warnings"]) == ({"total": 2.5}, ["some_test"])
    assert told["report"]["run"]["status"] == told["status"] == "ok"
    with pytest.raises(
        DataValidationError, match=r"There is no segment .S9.\. There are: S1, S2, S3, S4, S5"
    ):
        result.get_segment_details("S9")
    with pytest.raises(KeyError, match="There is no table 'customer'"):
        result.tables["customer"]
    with duckdb.connect(str(result.database), read_only=True) as connection:
        tables = "select count(*) from information_schema.tables where table_schema = 'segmentry'"
        assert connection.sql(tables).fetchall() == [(len(result.tables),)]
    result.close()
    assert result.database.exists()


def test_a_result_without_a_place_goes_with_its_database(built_demo: Path, tmp_path: Path) -> None:
    place = tmp_path / "result"
    place.mkdir()
    shutil.copy(built_demo, place / "warehouse.duckdb")
    result = PipelineResult.load(place / "warehouse.duckdb", temporary=place)
    tables = result.tables
    del result
    gc.collect()
    assert not place.exists()
    with pytest.raises(DataValidationError, match="goes with a result is removed with it"):
        tables["customers"]


@pytest.mark.parametrize(
    ("config", "events", "error", "said"),
    [
        ({"variables": {"segmentry_kk": 3}}, None, ConfigurationError, "Did you mean segmentry_k?"),
        ({"n_clusters": 0}, None, ConfigurationError, "n_clusters: Input should be greater than or equal to 1"),
        ({"clusters": 3}, None, ConfigurationError, "clusters: Extra inputs"),
        ({"variables": {"segmentry_k": 3}}, None, ConfigurationError, "set n_clusters"),
        ({"database": "segmentry.duckdb"}, None, ConfigurationError, "Name it otherwise"),
        ({}, 5, DataValidationError, "Found a int; needed is a pandas"),
        ({}, "nowhere.csv", DataValidationError, "nowhere.csv was not found"),
        ({}, pd.DataFrame({"customer_id": [1.0], "event_at": "x", "event_type": "x"}), DataValidationError, "floating point"),
        ({}, pd.DataFrame({"customer_id": ["a"], "amount": [object()]}), DataValidationError, "can't be read"),
        ({}, pd.DataFrame({"customer_id": ["a"], "event_at": "2026-01-01"}), DataValidationError, "mandatory column event_type"),
        ({"variables": {"segmentry_k_method": "best"}}, pd.DataFrame({"customer_id": ["a"], "event_at": "2026-01-01", "event_type": "x"}), ConfigurationError, "auto, elbow, silhouette"),
    ],
)  # fmt: skip
def test_mistakes_have_their_own_errors(
    config: dict[str, Any], events: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said.replace("?", r"\?")):
        run_pipeline(PipelineConfig(**config), events=events)


def test_a_history_needs_events(dataset: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    with pytest.raises(DataValidationError, match="hand over both, or neither"):
        run_pipeline(id_history=dataset[1])


def test_a_process_that_dies_is_told_of(
    dataset: tuple[pd.DataFrame, pd.DataFrame], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\necho 'out of memory' >&2\nkill -9 $$\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(PipelineError, match=r"exit code -9\): out of memory"):
        run_pipeline(events=dataset[0])


def test_a_caller_that_stops_stops_the_build(
    dataset: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    def stop(line: str) -> None:
        raise RuntimeError(line)

    database = tmp_path / "warehouse.duckdb"
    with pytest.raises(RuntimeError, match="reading the project"):
        run_pipeline(PipelineConfig(database=database), events=dataset[0], on_progress=stop)
    # No process holds the file any more, and none has gone on to the end.
    with duckdb.connect(str(database)) as connection:
        tables = connection.sql("select count(*) from duckdb_tables() where not internal").fetchall()
    assert tables == [(0,)]


def test_any_table_becomes_the_same_file(dataset: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path) -> None:
    events = dataset[0].head(50)
    arrow = pa.Table.from_pandas(events, preserve_index=False)
    relation = duckdb.connect().from_arrow(arrow)
    texts = {}
    for name, table in {
        "pandas": events,
        "arrow": arrow,
        "relation": relation,
        "stream": Stream(events),
    }.items():
        (tmp_path / name).mkdir()
        path = _as_file(table, "events", tmp_path / name)
        texts[name] = duckdb.sql(f"select * from '{path}' order by all").fetchall()
    assert len(texts["pandas"]) == 50
    assert texts["arrow"] == texts["relation"] == texts["stream"] == texts["pandas"]
