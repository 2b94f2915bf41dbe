"""The Python doors: one segment at a time, with what the build computed."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import ROOT
from llm_server import completion, serve

from segmentry.exceptions import ConfigurationError, DataValidationError, LLMError
from segmentry.explain import ExplanationLimits
from segmentry.explain.doors import _WORST_PRICE, ActionabilityFilter, SegmentExplainer
from segmentry.explain.facts import DIMENSIONS
from segmentry.explain.prices import ANY_MODEL, PRICE_COLUMNS, find_price, parse_prices
from segmentry.records import Segment, load_segments


@pytest.fixture(scope="module")
def segments(built_demo: Path) -> list[Segment]:
    return load_segments(built_demo)


def query(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_segments_are_those_of_the_tables(segments: list[Segment], built_demo: Path) -> None:
    rows = query(
        built_demo,
        "select segment_id, segment_name, customer_count, total_clv from segmentry.segments order by 1",
    )
    assert [(one.segment_id, one.name, one.size) for one in segments] == [row[:3] for row in rows]
    assert [one.total_clv for one in segments] == [float(row[3]) for row in rows]
    assert all(len(set(one.customer_ids)) == one.size for one in segments)


def test_the_mock_says_what_the_tables_say(segments: list[Segment], built_demo: Path) -> None:
    published = {
        row[0]: row[1:]
        for row in query(
            built_demo,
            "select segment_id, headline, executive_summary, campaign_recommendation, roi_expectation, confidence_level,"
            " confidence_justification from segmentry.segment_explanations",
        )
    }
    actionable = set(
        query(
            built_demo,
            "select segment_id, dimension from segmentry.segment_actionability where is_actionable",
        )
    )
    assert segments
    found = set()
    for segment in segments:
        evaluation = ActionabilityFilter(use_mock=True).evaluate(segment)
        found |= {(segment.segment_id, dimension) for dimension in evaluation.actionable_dimensions}
        explanation = SegmentExplainer(use_mock=True).explain(segment, evaluation)
        assert published[segment.segment_id] == (
            explanation.headline,
            explanation.executive_summary,
            explanation.campaign_recommendation,
            explanation.roi_expectation,
            explanation.confidence_level,
            explanation.confidence_justification,
        )
        assert explanation.source == "template"
        assert all(getattr(explanation, dimension) for dimension in DIMENSIONS)
    assert found == actionable


@pytest.mark.usefixtures("no_proxy_and_no_key")
def test_a_model_answers_or_the_door_raises(segments: list[Segment]) -> None:
    segment = segments[0]
    evaluation = ActionabilityFilter(use_mock=False).evaluate(segment)
    with serve() as server:
        limits = ExplanationLimits(base_url=server.base_url)
        explainer = SegmentExplainer(use_mock=False, model="test-model", limits=limits)
        assert explainer.explain(segment, evaluation).source == "llm"
    with serve(lambda handler, call: handler.send(completion(None, refusal="no"))) as server:
        limits = ExplanationLimits(base_url=server.base_url)
        explainer = SegmentExplainer(use_mock=False, model="test-model", limits=limits)
        with pytest.raises(LLMError, match=f"{segment.segment_id}.*refusal"):
            explainer.explain(segment, evaluation)


def test_the_worst_price_is_that_of_the_seed() -> None:
    with (ROOT / "seeds/segmentry_model_prices.csv").open(newline="") as file:
        rows = [[row[name] for name in PRICE_COLUMNS.split(", ")] for row in csv.DictReader(file)]
    prices = parse_prices((model, *map(Decimal, amounts)) for model, *amounts in rows)
    assert {ANY_MODEL: prices[ANY_MODEL]} == _WORST_PRICE


def test_a_model_without_a_price_is_explained() -> None:
    with pytest.raises(ConfigurationError, match="no row"):
        find_price({}, "unheard-of")
    known = {"known": _WORST_PRICE[ANY_MODEL]}
    assert find_price(known, "known") == known["known"]
    with pytest.raises(ConfigurationError, match="no row"):
        find_price(known, "unheard-of")


def test_wrong_use_is_explained(segments: list[Segment], tmp_path: Path) -> None:
    first, second, *_ = segments
    evaluation = ActionabilityFilter().evaluate(first)
    with pytest.raises(DataValidationError, match="The evaluation is of segment"):
        SegmentExplainer().explain(second, evaluation)
    with pytest.raises(DataValidationError, match="has no facts"):
        ActionabilityFilter().evaluate(first.model_copy(update={"facts": None}))
    with pytest.raises(ConfigurationError, match="needs a model"):
        SegmentExplainer(use_mock=False)
    with pytest.raises(ConfigurationError, match="no explanation template in 'tlh'"):
        SegmentExplainer(language="tlh")
    with pytest.raises(DataValidationError, match="There is no file"):
        load_segments(tmp_path / "nowhere.duckdb")
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    with pytest.raises(DataValidationError, match="holds no finished build"):
        load_segments(tmp_path / "empty.duckdb")
