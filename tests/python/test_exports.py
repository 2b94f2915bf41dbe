"""The names that `import segmentry` offers, and the models of rows."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from conftest import ROOT
from pydantic import ValidationError

import segmentry
from segmentry.profiles import PROFILES
from segmentry.records import mart_row

# The doors of the design; those that other modules bring later are not among them yet.
DOORS = [
    "resolve_customer_merges",
    "apply_merge_map",
    "ProfileBuilder",
    "ActionabilityFilter",
    "SegmentExplainer",
    "generate_small_dataset",
    "generate_events",
    "generate_id_history",
    "aggregate_purchases",
    "aggregate_sessions",
    "aggregate_temporal",
    "aggregate_categories",
    "calculate_clv_estimate",
    "generate_segmentation_report",
    "segment_to_summary",
    "report_to_json",
    "PipelineConfig",
    "PipelineResult",
    "run_pipeline",
    "quick_segmentation",
    "EventRecord",
    "CustomerIdHistory",
    "CustomerProfile",
    "Segment",
    "RobustnessScore",
    "SegmentViability",
    "ActionabilityEvaluation",
    "SegmentExplanation",
    "SegmentationReport",
    "SegmentationEngineError",
    "DataValidationError",
    "CustomerMergeError",
    "CircularMergeError",
    "MergeChainTooDeepError",
    "ProfileBuildError",
    "InsufficientDataError",
    "ClusteringError",
    "SensitivityTestError",
    "SegmentRejectedError",
    "LLMIntegrationError",
    "LLMError",
    "ReportGenerationError",
    "PipelineError",
    "plot_segment_distribution",
    "plot_segment_sizes_pie",
    "plot_robustness_scores",
    "plot_robustness_heatmap",
    "plot_actionability_by_segment",
    "plot_viability_scores",
    "plot_segment_dashboard",
]


def test_all_doors_are_there_and_described() -> None:
    assert set(DOORS) <= set(segmentry.__all__)
    assert segmentry.__all__ == sorted(segmentry.__all__)
    for name in segmentry.__all__:
        door = getattr(segmentry, name)
        assert name in dir(segmentry)
        if name != "__version__":
            assert door.__name__ == name
            assert door.__doc__, name
            assert door.__module__.startswith("segmentry"), name


def test_functions_and_builders_have_examples() -> None:
    finder = doctest.DocTestFinder()
    without = [
        name
        for name in segmentry.__all__
        if callable(getattr(segmentry, name))
        and not (
            isinstance(getattr(segmentry, name), type) and issubclass(getattr(segmentry, name), Exception)
        )
        and not any(test.examples for test in finder.find(getattr(segmentry, name), name))
    ]
    # Rows that a build fills in and nobody makes by hand, and charts, which README and docs show.
    filled = {
        "ActionabilityEvaluation", "ActionabilityFilter", "CustomerProfile", "RobustnessScore", "RobustnessTest", "RuleCheck",
        "Segment", "SegmentExplanation", "SegmentViability", "SegmentationReport", "load_segments", "explain_merge", "report_to_json",
    }  # fmt: skip
    assert {name for name in without if not name.startswith("plot_")} <= filled


def test_importing_is_cheap() -> None:
    code = "import sys, segmentry; print({'sklearn', 'pandas', 'dbt', 'matplotlib', 'duckdb'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        segmentry.nothing  # noqa: B018


def test_every_mart_reads_through_its_model(built_demo: Path) -> None:
    contract = yaml.safe_load((ROOT / "models" / "marts" / "_marts.yml").read_text())["models"]
    read = 0
    with duckdb.connect(str(built_demo), read_only=True) as connection:
        for model in contract:
            table = model["name"].removeprefix("segmentry__")
            found = connection.execute(f"select * from segmentry.{table}")
            names = [column[0] for column in found.description]
            rows = found.fetchall()
            for values in rows:
                mart_row(table)(**dict(zip(names, values, strict=True)))
            assert names == list(mart_row(table).model_fields)
            read += len(rows)
        profiles = connection.execute("select * from segmentry.customers")
        names = [column[0] for column in profiles.description]
        for values in profiles.fetchall():
            segmentry.CustomerProfile(**dict(zip(names, values, strict=True)))
    assert names == list(segmentry.CustomerProfile.model_fields)
    assert read > 5000


def test_a_row_that_breaks_the_contract_is_refused() -> None:
    row = {"cycle_id": "a", "cycle_length": 2, "position": 1, "id": "a", "next_id": "b", "merged_at": None}
    with pytest.raises(ValidationError, match="merged_at"):
        mart_row("id_merge_cycles")(**row)
    with pytest.raises(segmentry.DataValidationError, match="There is no mart 'customer'"):
        mart_row("customer")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"customer_id": " "}, "customer_id"),
        ({"event_type": ""}, "event_type"),
        ({"amount": None}, "a purchase needs an amount"),
        ({"amount": "-1"}, "must be at least 0"),
        ({"amount": "inf"}, "amount"),
        ({"event_at": "soon"}, "event_at"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_events_that_a_build_rejects_are_no_records(changed: dict[str, str | None], said: str) -> None:
    event = {"customer_id": "a", "event_at": "2026-01-01", "event_type": "Purchase", "amount": "1.5"}
    assert segmentry.EventRecord(**event).event_type == "purchase"
    with pytest.raises(ValidationError, match=said):
        segmentry.EventRecord(**(event | changed))


def test_profiles_are_those_of_the_build(built_demo: Path) -> None:
    """The door on the demo's seeds against the table of the build, with a map where the build had a history."""
    seeds = ROOT / "seeds"
    events = pd.read_csv(
        seeds / "segmentry_demo_events.csv", dtype=str, keep_default_na=False, na_values=[""]
    )
    with duckdb.connect(str(built_demo), read_only=True) as connection:
        merge_map = connection.sql("select id, customer_id from segmentry.customer_merge_map").df()
        built = connection.sql(f"select * from segmentry_internal.{PROFILES} order by customer_id").df()
        affinity = connection.sql("select * from segmentry.customer_category_affinity order by 1, 2, 3").df()
    found = segmentry.ProfileBuilder().build_profiles(events, merge_map)
    pd.testing.assert_frame_equal(found, built, check_exact=True, check_like=True)
    purchases = segmentry.aggregate_purchases(events, merge_map).set_index("customer_id")
    buyers = built[built["order_count"] > 0].set_index("customer_id")
    assert (purchases["gross_revenue"] == buyers["gross_revenue"]).all()
    value = segmentry.calculate_clv_estimate(events, merge_map).set_index("customer_id")
    assert (value["clv"] == buyers["clv"]).all()
    sessions = segmentry.aggregate_sessions(events, merge_map).set_index("customer_id")["session_count"]
    visitors = built[built["session_count"] > 0].set_index("customer_id")["session_count"]
    assert (sessions == visitors).all()
    times = segmentry.aggregate_temporal(events, merge_map).set_index("customer_id")["top_channel"].dropna()
    assert times.to_dict() == built.set_index("customer_id")["top_channel"].dropna().to_dict()
    categories = segmentry.aggregate_categories(events, merge_map)
    shared = ["customer_id", "category_level", "category", "purchase_count", "affinity_score"]
    categories = categories[shared].sort_values(shared[:3], ignore_index=True)
    pd.testing.assert_frame_equal(categories, affinity[shared], check_dtype=False)


def test_a_map_is_a_history_of_depth_one() -> None:
    rows = {
        "customer_id": ["a", "b", "c"],
        "event_at": "2026-01-01 10:00:00",
        "event_type": "purchase",
        "amount": [1, 2, 4],
    }
    events = pd.DataFrame(rows)
    history = pd.DataFrame({"old_id": ["a", "b"], "new_id": ["b", "c"], "merged_at": "2026-01-01"})
    merges = segmentry.resolve_customer_merges(history)
    table = pa.Table.from_pandas(merges.merge_map, preserve_index=False)
    read_once = pa.RecordBatchReader.from_stream(table)
    for merge_map in (merges, merges.merge_map, history, table, read_once):
        profiles = segmentry.ProfileBuilder().build_profiles(events, merge_map)
        assert profiles[["customer_id", "gross_revenue", "merged_id_count"]].values.tolist() == [
            ["c", 7.0, 2]
        ]
    numbers = pa.table({"id": [1, 2, 3], "customer_id": [3, 3, 3]})
    profiles = segmentry.ProfileBuilder().build_profiles(events.assign(customer_id=[1, 2, 3]), numbers)
    assert profiles[["customer_id", "merged_id_count"]].values.tolist() == [["3", 2]]
    with pytest.raises(segmentry.DataValidationError, match="id and customer_id"):
        segmentry.ProfileBuilder().build_profiles(events, pd.DataFrame({"x": [1]}))
    with pytest.raises(segmentry.DataValidationError, match="event_type is missing"):
        segmentry.ProfileBuilder().build_profiles(events.drop(columns="event_type"))
    with pytest.raises(segmentry.ConfigurationError, match="segmentry_clv_horizon_days"):
        segmentry.calculate_clv_estimate(events, horizon_days=0)


def test_settings_reach_profiles() -> None:
    events = pd.DataFrame(
        {"customer_id": "a", "event_at": ["2026-01-01 10:00", "2026-01-01 10:50"], "event_type": "page_view"}
    )
    counts = [
        segmentry.ProfileBuilder({"segmentry_session_gap_minutes": gap}).build_profiles(events)[
            "session_count"
        ][0]
        for gap in (30, 60)
    ]
    assert counts == [2, 1]
