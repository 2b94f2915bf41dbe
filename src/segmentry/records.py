"""Rows of a result as objects, and how to read them from a finished warehouse."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    create_model,
    model_validator,
)

from segmentry.exceptions import DataValidationError
from segmentry.explain.facts import Candidate, SegmentFacts, parse_facts
from segmentry.generation import attached

__all__ = [
    "ActionabilityEvaluation",
    "CustomerIdHistory",
    "CustomerProfile",
    "EventRecord",
    "RobustnessScore",
    "RobustnessTest",
    "RuleCheck",
    "Segment",
    "SegmentExplanation",
    "SegmentViability",
    "load_segments",
    "mart_row",
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
order by cast(substr(segments.segment_id, 2) as integer)
"""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _split(given: Any) -> Any:
    return tuple(part for part in given.split("; ") if part) if isinstance(given, str) else given


Id = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class EventRecord(_Record):
    """One event as a build takes it; what each field means is in docs/your-data.md.

    A build sets aside rows that break these rules, with a reason; this raises pydantic's ValidationError.
    Rules that need other rows or settings (duplicates, rates, plausible times) are the build's alone.

    Examples
    --------
    >>> EventRecord(customer_id="c1", event_at="2026-03-01", event_type="purchase", amount="9.90").amount
    Decimal('9.90')
    """

    customer_id: Id
    event_at: datetime
    event_type: Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1)]
    event_id: str | None = None
    session_id: str | None = None
    order_id: str | None = None
    channel: str | None = None
    device_type: str | None = None
    category: str | None = None
    product_id: str | None = None
    quantity: FiniteFloat | None = None
    amount: Annotated[Decimal, Field(allow_inf_nan=False)] | None = None
    discount_amount: Annotated[Decimal, Field(allow_inf_nan=False)] | None = None
    currency: str | None = None
    ingested_at: datetime | None = None
    is_deleted: bool | None = None

    @model_validator(mode="after")
    def _money(self) -> Self:
        if self.is_deleted:
            return self
        if self.event_type in ("purchase", "refund") and self.amount is None:
            raise ValueError(f"a {self.event_type} needs an amount")
        if self.event_type in ("purchase", "purchase_item") and self.amount is not None and self.amount < 0:
            raise ValueError(f"the amount of a {self.event_type} is {self.amount}; it must be at least 0")
        return self


class CustomerIdHistory(_Record):
    """One merge of two ids: from `merged_at` on, `old_id` is the customer `new_id`.

    Examples
    --------
    >>> CustomerIdHistory(old_id=" a ", new_id="b", merged_at="2026-03-01").old_id
    'a'
    """

    old_id: Id
    new_id: Id
    merged_at: datetime
    ingested_at: datetime | None = None
    source: str | None = None
    operation: Literal["merge", "unmerge"] = "merge"


class CustomerProfile(_Record):
    """A row of the mart `customers`; columns and units are described there (models/marts/_marts.yml)."""

    customer_id: str
    segment_id: str | None
    segment_name: str | None
    previous_segment_id: str | None
    segment_since: date | None
    membership_score: FiniteFloat | None
    is_boundary: bool | None
    value_tier: str | None
    gross_revenue: Decimal
    refund_amount: Decimal
    net_revenue: Decimal
    refund_rate: FiniteFloat | None
    order_count: int
    average_order_value: FiniteFloat | None
    orders_per_month: FiniteFloat | None
    discount_share: FiniteFloat | None
    revenue_90d: Decimal
    revenue_365d: Decimal
    orders_90d: int
    session_count: int
    page_views: int
    items_viewed: int
    cart_additions: int
    pages_per_session: FiniteFloat | None
    average_session_seconds: FiniteFloat | None
    bounce_rate: FiniteFloat | None
    cart_abandonment_rate: FiniteFloat | None
    preferred_hour: int | None
    preferred_hour_share: FiniteFloat | None
    hour_entropy: FiniteFloat | None
    preferred_weekday: int | None
    preferred_weekday_share: FiniteFloat | None
    weekday_entropy: FiniteFloat | None
    weekend_share: FiniteFloat | None
    top_category: str | None
    top_category_share: FiniteFloat | None
    category_diversity: FiniteFloat | None
    top_category_level_2: str | None
    top_category_level_2_share: FiniteFloat | None
    category_level_2_diversity: FiniteFloat | None
    top_category_level_3: str | None
    top_category_level_3_share: FiniteFloat | None
    category_level_3_diversity: FiniteFloat | None
    category_count: int
    top_channel: str | None
    top_device: str | None
    mobile_share: FiniteFloat | None
    first_seen_at: datetime
    last_seen_at: datetime
    tenure_days: int
    first_order_at: datetime | None
    last_order_at: datetime | None
    recency_days: int | None
    gap_mean: FiniteFloat | None
    gap_sd: FiniteFloat | None
    gap_cv: FiniteFloat | None
    regularity: FiniteFloat | None
    behaviour_type: str
    probability_alive: FiniteFloat | None
    churn_risk: FiniteFloat | None
    expected_purchases: FiniteFloat | None
    expected_value: FiniteFloat | None
    clv: Decimal
    clv_method: str
    churn_method: str
    model_fit_ok: bool
    merged_id_count: int
    run_id: str


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
    #: The run whose segments were tested; none on frames that no run made.
    model_run_id: str | None = None


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


class SegmentViability(_Record):
    """What acting on a segment would cost and bring; columns as in the mart `segment_viability`.

    Amounts are in the reporting currency.
    """

    segment_id: str
    channel: str | None
    is_shipped_assumption: bool
    reachable_count: int
    cost_amount: Decimal
    cost_to_clv: FiniteFloat | None
    value_at_stake_amount: Decimal
    roi_low: FiniteFloat | None
    roi_base: FiniteFloat | None
    roi_high: FiniteFloat | None
    break_even_uplift: FiniteFloat | None
    targetability_score: FiniteFloat
    sales_priority_score: FiniteFloat
    personalisation_score: FiniteFloat
    timing_score: FiniteFloat
    revenue_impact_amount: Decimal
    retention_impact_score: FiniteFloat
    satisfaction_impact_score: FiniteFloat
    decision: Literal["pursue", "test", "reject"]
    rejection_reasons: Annotated[tuple[str, ...], BeforeValidator(_split)]


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
        with attached(path) as connection:
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


_TYPES: Mapping[str, Any] = {
    "text": str,
    "integer": int,
    "bigint": int,
    "double": FiniteFloat,
    "decimal(18,2)": Decimal,
    "decimal(18,6)": Decimal,
    "boolean": bool,
    "date": date,
    "timestamp": datetime,
}


@functools.cache
def mart_row(table: str) -> type[BaseModel]:
    """Make a model of a row of any mart from its contract in ``models/marts/_marts.yml``.

    Parameters
    ----------
    table
        Name of the mart, such as ``segment_features``.

    Returns
    -------
    type of pydantic.BaseModel
        Strict: no other columns, types as in the contract, NULL only where it is allowed.

    Raises
    ------
    DataValidationError
        There is no such mart.

    Examples
    --------
    >>> mart_row("id_merge_cycles").model_fields["cycle_length"].annotation
    <class 'int'>
    """
    import yaml

    from segmentry.project import find_project

    text = (find_project() / "models" / "marts" / "_marts.yml").read_text(encoding="utf-8")
    marts = {model["name"].removeprefix("segmentry__"): model for model in yaml.safe_load(text)["models"]}
    if table not in marts:
        raise DataValidationError(f"There is no mart {table!r}. There are: {', '.join(sorted(marts))}.")
    fields: dict[str, Any] = {}
    for column in marts[table]["columns"]:
        kind = _TYPES[column["data_type"].lower()]
        is_needed = any(rule.get("type") == "not_null" for rule in column.get("constraints", ()))
        fields[column["name"]] = (kind if is_needed else kind | None, ...)
    config = ConfigDict(extra="forbid", frozen=True, strict=True)
    return create_model(f"{table.title().replace('_', '')}Row", __config__=config, **fields)
