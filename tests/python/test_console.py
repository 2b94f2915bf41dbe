"""What the command says: progress beside the result, three lines at the end, JSON for those who ask."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from door import run
from report_fixture import make_warehouse

from segmentry.cli import closing_lines, main
from segmentry.report import load_report


def messages(text: str) -> list[dict[str, Any]]:
    """Lines of a log, each of them JSON with the same three fields."""
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        assert set(line) == {"time", "level", "message"}
        assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)
    return lines


def test_json_on_both_streams(tmp_path: Path) -> None:
    pd.DataFrame(
        {
            "customer_id": ["a", "b"],
            "event_at": "2026-01-01 10:00:00",
            "event_type": "purchase",
            "amount": [5, 7],
        }
    ).to_csv(tmp_path / "events.csv", index=False)
    done = run(
        "--events", "events.csv", "--output", 'o"ut', "--log-format", "json", cwd=tmp_path
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    progress = messages(done.stderr)
    assert {line["level"] for line in progress} == {"info"}
    assert [line["message"].split()[0] for line in progress if " ready after " in line["message"]][-2:] == [
        "marts",
        "report",
    ]
    assert [line["time"] for line in progress] == sorted(line["time"] for line in progress)
    found, trust, where = (line["message"] for line in messages(done.stdout))
    assert found.startswith("No segments")
    assert "segmentry.customers" in trust
    assert 'o"ut/report.html' in where


def test_errors_are_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "--events", "no\nwhere.csv", "--output", ".", "--log-format", "json"]
    assert main(words) == 1
    captured = capsys.readouterr()
    (line,) = messages(captured.err)
    assert line["level"] == "error"
    assert "was not found" in line["message"]
    assert captured.out == ""


@pytest.mark.parametrize("ready", [True, False])
def test_three_lines_worth_reading(ready: bool, tmp_path: Path) -> None:
    path = make_warehouse(tmp_path / "warehouse.duckdb", 5, ready=ready)
    found, trust, where = closing_lines(load_report(path), ["some_test"], Path("out"))
    with duckdb.connect(str(path), read_only=True) as connection:
        count, segments, passed = connection.execute(
            "select sum(customer_count), count(*), count(*) filter (is_production_ready) from segmentry.segments"
        ).fetchone() or (0, 0, 0)
        best, share, value = connection.execute(
            "select segment_name, customer_share, clv_share from segmentry.segments order by total_clv desc limit 1"
        ).fetchone() or ("", 0, 0)
        weakest = connection.execute(
            "select segment_name, overall_robustness from segmentry.segments order by overall_robustness limit 1"
        ).fetchone() or ("", 0)
    assert (
        found
        == f"{count:,} customers in {segments} segments: {best} ({share:.0%} of them) hold {value:.0%} of expected value"
    )
    assert (
        trust
        == f"{passed} of {segments} ready to act on; the least certain is {weakest[0]} ({weakest[1]:.2f} of 1); 1 warning: some_test"
    )
    assert where == f"Report: {Path('out/report.html')}  Tables: {Path('out/warehouse.duckdb')}"
