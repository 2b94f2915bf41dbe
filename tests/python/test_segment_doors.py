"""The doors to segments: what they return is what the build of the same customers has in its tables."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from segmentry.doors import CustomerClusterer, SegmentValidator, SensitivityAnalyzer
from segmentry.exceptions import (
    ConfigurationError,
    DataValidationError,
    InsufficientDataError,
    SegmentRejectedError,
    SensitivityTestError,
)
from segmentry.records import RobustnessScore, Segment, load_segments
from segmentry.robustness import ALL_TESTS


def frame(database: Path, query: str) -> pd.DataFrame:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.sql(query).df()


@pytest.fixture(scope="module")
def profiles(built_demo: Path) -> pd.DataFrame:
    return frame(built_demo, "select * from segmentry_internal.int_segmentry__profiles_joined")


@pytest.fixture(scope="module")
def segments(profiles: pd.DataFrame) -> list[Segment]:
    return CustomerClusterer(n_clusters=5).cluster(profiles.sample(frac=1, random_state=1))


@pytest.fixture(scope="module")
def robustness(profiles: pd.DataFrame, segments: list[Segment]) -> dict[str, RobustnessScore]:
    return SensitivityAnalyzer().analyze_segments(profiles, segments)


def test_segments_are_those_of_the_build(segments: list[Segment], built_demo: Path) -> None:
    built = load_segments(built_demo)
    assert len(built) == 5
    for ours, theirs in zip(segments, built, strict=True):
        assert (ours.segment_id, ours.name, ours.size) == (theirs.segment_id, theirs.name, theirs.size)
        assert ours.customer_ids == theirs.customer_ids
        assert (ours.total_clv, ours.avg_clv) == (theirs.total_clv, theirs.avg_clv)
        assert set(ours.defining_traits) <= set(theirs.defining_traits)
    assert sum(len(one.defining_traits) for one in segments) > 3


def test_scores_are_those_of_the_build(robustness: dict[str, RobustnessScore], built_demo: Path) -> None:
    built = frame(
        built_demo,
        "select segment_id, test, variant, mean_score from segmentry.segment_robustness where test not like 'time%'",
    )
    found = {
        (key, test.test, test.variant): test.mean_score
        for key, score in robustness.items()
        for test in score.tests
    }
    expected = {(row.segment_id, row.test, row.variant): row.mean_score for row in built.itertuples()}
    assert found == pytest.approx(expected, abs=2e-6)
    for score in robustness.values():
        assert score.weakest_test in ("bootstrap", "feature_drop")
        assert not [test for test in score.tests if test.test.startswith("time")]


def test_windows_need_events(profiles: pd.DataFrame, segments: list[Segment], built_demo: Path) -> None:
    events = frame(
        built_demo,
        "select customer_id, event_at, event_type, session_id, order_id, amount from segmentry_internal.int_segmentry__events_resolved",
    )
    scores = SensitivityAnalyzer(replicates=2).analyze_segments(profiles, segments, events)
    for score in scores.values():
        assert {test.test for test in score.tests} == set(ALL_TESTS)
        assert [
            test.mean_score for test in score.tests if (test.test, test.variant) == ("time_structure", "all")
        ]


def test_segments_that_can_t_be_tested(profiles: pd.DataFrame, segments: list[Segment]) -> None:
    analyzer = SensitivityAnalyzer(replicates=2)
    with pytest.raises(SensitivityTestError, match="no profile"):
        analyzer.analyze_segments(profiles.iloc[10:], segments)
    with pytest.raises(SensitivityTestError, match="every customer in one segment"):
        analyzer.analyze_segments(profiles, [segments[0], segments[0]])
    with pytest.raises(SensitivityTestError, match="0 segments"):
        analyzer.analyze_segments(profiles, [])
    everybody = sorted(customer for segment in segments for customer in segment.customer_ids)
    by_name = [
        segments[part].model_copy(update={"customer_ids": tuple(everybody[part::2])}) for part in (0, 1)
    ]
    with pytest.raises(SensitivityTestError, match="nearest centre"):
        analyzer.analyze_segments(profiles, by_name)


def test_customers_that_can_t_be_clustered(profiles: pd.DataFrame) -> None:
    with pytest.raises(ConfigurationError, match="from 2 to 20"):
        CustomerClusterer(n_clusters=1)
    with pytest.raises(ConfigurationError, match="let the evidence choose"):
        CustomerClusterer(auto_select_k=False)
    with pytest.raises(InsufficientDataError, match="30 customers, fewer than the 50"):
        CustomerClusterer().cluster(profiles.head(30))
    with pytest.raises(DataValidationError, match="order_count"):
        CustomerClusterer().cluster(profiles.drop(columns="order_count"))
    with pytest.raises(DataValidationError, match="twice"):
        CustomerClusterer().cluster(pd.concat([profiles, profiles.head(1)]))


def test_checks_are_those_of_the_build(built_demo: Path) -> None:
    validator = SegmentValidator()
    built = frame(built_demo, "select * from segmentry.segment_validation where rule <> 'minimum_kind'")
    rejected = 0
    for segment in load_segments(built_demo):
        rows = built[built["segment_id"] == segment.segment_id].set_index("rule")
        failed = rows[~rows["is_passed"] & (rows["severity"] == "error")]
        if len(failed):
            rejected += 1
            with pytest.raises(SegmentRejectedError) as raised:
                validator.validate(segment)
            assert all(reason in str(raised.value) for reason in failed["reason"])
            continue
        checks = validator.validate(segment)
        assert [check.rule for check in checks] == [rule for rule in validator.rules if rule in rows.index]
        for check in checks:
            row = rows.loc[check.rule]
            assert (check.is_passed, check.severity) == (row["is_passed"], row["severity"]), check.rule
            assert check.value == pytest.approx(row["value"], abs=1e-4)
        assert validator.assess_viability(segment).decision.is_valid
    assert rejected == 1


def test_own_criteria_and_robustness(segments: list[Segment], robustness: dict[str, RobustnessScore]) -> None:
    largest = max(segments, key=lambda segment: segment.total_clv)
    strict = SegmentValidator({"minimum_customers": largest.size + 1})
    with pytest.raises(SegmentRejectedError, match=f"needs at least {largest.size + 1}"):
        strict.validate(largest, robustness[largest.segment_id])
    checks = {
        check.rule: check for check in SegmentValidator().validate(largest, robustness[largest.segment_id])
    }
    assert checks["maximum_missing_tests"].value == 2  # no events: two tests in time
    assert "minimum_roi" not in checks
    with pytest.raises(SegmentRejectedError, match="could not be measured"):
        SegmentValidator().validate(largest)
    with pytest.raises(DataValidationError, match="not of"):
        SegmentValidator().validate(largest, robustness["S5"])
    with pytest.raises(DataValidationError, match="no facts"):
        SegmentValidator().assess_viability(largest)
    with pytest.raises(ConfigurationError, match="Unknown rule"):
        SegmentValidator({"minimum_size": 3})
    with pytest.raises(ConfigurationError, match="minimum_customers"):
        SegmentValidator({"minimum_customers": "many"})
