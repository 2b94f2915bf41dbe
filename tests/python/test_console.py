"""What the command says: progress beside the result, three lines at the end, JSON for those who ask."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from door import log_messages
from report_fixture import make_warehouse

from segmentry.cli import closing_lines, main
from segmentry.report import load_report


def test_errors_are_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "--events", "no\nwhere.csv", "--output", ".", "--log-format", "json"]
    assert main(words) == 1
    captured = capsys.readouterr()
    (line,) = log_messages(captured.err)
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
