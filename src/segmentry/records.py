"""Rows of a result as objects, and how to read them from a finished warehouse."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from segmentry.exceptions import DataValidationError
from segmentry.explain.facts import Candidate, SegmentFacts, parse_facts

__all__ = [
    "ActionabilityEvaluation",
    "RobustnessScore",
    "RobustnessTest",
    "RuleCheck",
    "Segment",
    "SegmentExplanation",
    "load_segments",
]


_SEGMENTS = """
with defining_traits as (
    select
        segment_id,
        list(trait order by lift desc, trait asc) as traits
    from segmentry_internal.int_segmentry__segment_traits_compared
    where is_defining
    group by segment_id
)

select
    segments.segment_id,
    segments.segment_name,
    segments.customer_count,
    segments.total_clv,
    segments.average_clv,
    defining_traits.traits,
    segment_facts.facts
from segmentry.segments as segments
inner join segmentry_internal.int_segmentry__segment_facts as segment_facts
    on segments.segment_id = segment_facts.segment_id
left outer join defining_traits
    on segments.segment_id = defining_traits.segment_id
order by segments.segment_id
"""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Segment(_Record):
    """A segment: who is in it, what it is worth in the reporting currency, what defines it.

    `facts` are what the build computed about it; evaluations and explanations are of them.
    """

    segment_id: str
    name: str
    size: int
    customer_ids: tuple[str, ...] = Field(repr=False)
    total_clv: float
    avg_clv: float
    defining_traits: tuple[str, ...]
    facts: SegmentFacts | None = Field(default=None, repr=False)


class ActionabilityEvaluation(_Record):
    """What can be done with a segment: the best candidate of each question, and the decision."""

    segment_id: str
    what: Candidate | None
    when: Candidate | None
    how: Candidate | None
    who: Candidate | None
    actionable_dimensions: tuple[str, ...]
    is_actionable: bool
    decision: Literal["pursue", "test", "reject"]


class RobustnessTest(_Record):
    """How much of a segment came back in one test; columns as in the mart `segment_robustness`."""

    test: str
    variant: str
    replicate_count: int
    mean_score: FiniteFloat | None
    sd: FiniteFloat | None
    mc_se: FiniteFloat | None
    q05: FiniteFloat | None
    q95: FiniteFloat | None
    dissolved_share: FiniteFloat | None
    recovered_share: FiniteFloat | None
    verdict: str
    is_borderline: bool | None
    is_deciding: bool
    reason: str | None


class RobustnessScore(_Record):
    """How far a segment can be trusted: the lowest mean score of a deciding test, 0 to 1, and all tests."""

    segment_id: str
    overall_robustness: FiniteFloat | None
    weakest_test: str | None
    verdict: str | None
    confidence_level: Literal["high", "medium", "low", "unknown"]
    tests: tuple[RobustnessTest, ...] = Field(repr=False)


class RuleCheck(_Record):
    """One validation rule on one segment; columns as in the mart `segment_validation`."""

    rule: str
    is_passed: bool
    value: FiniteFloat | None
    threshold: FiniteFloat
    severity: str
    is_waived: bool
    reason: str


class SegmentExplanation(_Record):
    """A segment in words; `source` says who wrote them."""

    segment_id: str
    headline: str
    executive_summary: str
    campaign_recommendation: str
    roi_expectation: str
    confidence_level: Literal["high", "medium", "low", "unknown"]
    confidence_justification: str
    what: str
    when: str
    how: str
    who: str
    source: Literal["template", "llm"]


def load_segments(database: Path | str) -> list[Segment]:
    """Read the segments of a finished build.

    Parameters
    ----------
    database : path
        DuckDB file that dbt built.

    Returns
    -------
    list of Segment
        In the order of their ids; none where there were too few customers.

    Raises
    ------
    DataValidationError
        The file is missing or holds no finished build.
    """
    import duckdb

    path = Path(database)
    if not path.is_file():
        raise DataValidationError(f"There is no file {path}. Build the project first: dbt build.")
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            rows = connection.execute(_SEGMENTS).fetchall()
            members: dict[str, list[str]] = {}
            for segment_id, customer_id in connection.execute(
                "select segment_id, customer_id from segmentry.customers"
                " where segment_id is not null order by customer_id"
            ).fetchall():
                members.setdefault(segment_id, []).append(customer_id)
    except duckdb.Error as error:
        raise DataValidationError(
            f"{path} holds no finished build of Segmentry ({type(error).__name__}). "
            "Build the project first: dbt build."
        ) from None
    return [
        Segment(
            segment_id=segment_id,
            name=name,
            size=size,
            customer_ids=tuple(members.get(segment_id, ())),
            total_clv=float(total),
            avg_clv=float(average),
            defining_traits=tuple(traits or ()),
            facts=parse_facts(facts),
        )
        for segment_id, name, size, total, average, traits, facts in rows
    ]
