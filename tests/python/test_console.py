"""What the command says: progress beside the result, three lines at the end, JSON for those who ask."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from conftest import ROOT
from door import log_messages
from report_fixture import make_warehouse

from segmentry.cli import closing_lines, main
from segmentry.project import declared_vars
from segmentry.report import load_report
from segmentry.report.wording import score


def test_errors_are_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "--events", "no\nwhere.csv", "--output", ".", "--log-format", "json"]
    assert main(words) == 1
    captured = capsys.readouterr()
    (line,) = log_messages(captured.err)
    assert line["level"] == "error"
    assert "was not found" in line["message"]
    assert captured.out == ""


def test_settings_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings"]) == 0
    listed = capsys.readouterr().out
    assert set(re.findall(r"^(segmentry_\w+):", listed, re.MULTILINE)) == set(declared_vars())
    assert main(["settings", "Churn"]) == 0
    found = set(re.findall(r"^(segmentry_\w+):", capsys.readouterr().out, re.MULTILINE))
    assert {"segmentry_churn_method", "segmentry_churn_horizon_days"} <= found < set(declared_vars())
    assert main(["settings", "no such word"]) == 1
    assert "No setting has 'no such word'" in capsys.readouterr().err


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
        events, rejected = connection.execute(
            "select event_count, events_rejected from segmentry.segmentation_runs order by recorded_at desc limit 1"
        ).fetchone() or (0, 0)
        weakest = connection.execute(
            "select segment_name, overall_robustness from segmentry.segments order by overall_robustness limit 1"
        ).fetchone() or ("", 0)
    assert (
        found
        == f"{count:,} customers in {segments} segments: {best} ({share:.0%} of them) hold {value:.0%} of expected value; "
        f"{rejected:,} of {events:,} events not used (table rejected_events)"
    )
    assert (
        trust
        == f"{passed} of {segments} pass every check that decides; the least certain is {weakest[0]} ({score(weakest[1])} of 1); 1 warning: some_test"
    )
    assert where == f"Report: {Path('out/report.html')}  Tables: {Path('out/warehouse.duckdb')}"


@pytest.mark.parametrize(
    ("buyers", "rejected", "titles"), [(True, 2600, 0), (False, 2600, 1), (True, 2700, 1)]
)
def test_lost_input_is_said(buyers: bool, rejected: int, titles: int, tmp_path: Path) -> None:
    """More than a tenth of 26,450 events, or no purchase at all; repetitions don't count."""
    path = make_warehouse(tmp_path / "warehouse.duckdb", 3, buyers=buyers)
    with duckdb.connect(str(path)) as connection:
        connection.execute("delete from segmentry.rejected_events")
        connection.execute(
            "insert into segmentry.rejected_events by name select reason from (select 'unparsable_amount' as reason, "
            f"unnest(range({rejected})) union all select 'duplicate', unnest(range(9000)))"
        )
        connection.execute("update segmentry.segmentation_runs set event_count = 26450")
    lines = closing_lines(load_report(path), [], Path("out"))
    assert len(lines) == 3 + titles
    if titles:
        assert f"an amount that is not a number ({rejected:,})" in lines[2]
        assert ("No purchase" in lines[2]) == (not buyers)


# A model of some seconds in a process of its own, in which every step is said.
WATCHED = """
import sys
from dbt.cli.main import dbtRunner
from segmentry.engines import progress
progress.INTERVAL_SECONDS = 0.0
sys.exit(not dbtRunner().invoke(sys.argv[1:]).success)
"""


@pytest.mark.parametrize("words", [["--log-format", "json"], ["--quiet"]])
def test_long_models_say_how_far_they_are(built_demo: Path, words: list[str], tmp_path: Path) -> None:
    places = ["--project-dir", str(ROOT), "--profiles-dir", str(ROOT)]
    places += ["--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs")]
    options = [
        "--select",
        "int_segmentry__robustness_replicated",
        "--vars",
        "{segmentry_bootstrap_replicates: 2}",
    ]
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *words, "run", *options, *places],
        env=os.environ | {"SEGMENTRY_DB": str(built_demo), "SEGMENTRY_PROJECT_DIR": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if "--quiet" in words:
        assert done.stdout == ""
        return
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    said = [line["info"] for line in lines if "robustness tests: " in line["info"]["msg"]]
    assert said[0]["msg"].endswith(
        "robustness tests: 1 of 10 done"
    )  # two replicates, seven blocks, the starts
    assert said[-1]["msg"].endswith("10 of 10 done")
    assert {line["level"] for line in said} == {"info"}
    assert [line["ts"] for line in said] == sorted(line["ts"] for line in said)
