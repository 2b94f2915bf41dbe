"""What `report.json` holds: versioned pydantic models, one per part of the report.

The version follows the shape: the first number changes when a reader of the old shape would break, the
second when fields are added. `report_schema` gives the JSON Schema, which is docs/report.schema.json.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

__all__ = [
    "SCHEMA_VERSION",
    "Action",
    "ClusterChoice",
    "CustomerTotals",
    "DataQuality",
    "Explanation",
    "FeatureComparison",
    "MethodFit",
    "Migration",
    "Notice",
    "PreviousRun",
    "ReasonCount",
    "RobustnessTest",
    "RuleCheck",
    "RunSummary",
    "SegmentSummary",
    "SegmentationReport",
    "Viability",
]

SCHEMA_VERSION: Final = "1.3"

# Exact in Python, a plain number in JSON: amounts have at most 18 digits and two decimals.
Money = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    """Immutable, complete and finite: an unknown field or a NaN is an error, not a surprise on the page."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RunSummary(_Part):
    """The run that the report shows; see `segmentation_runs`."""

    run_id: str
    as_of: dt.datetime
    observation_end_date: dt.date
    status: Literal["ok", "single_segment", "insufficient_data"]
    status_reason: str
    segmentation_kind: Literal["natural", "reproducible", "constructive"] | None
    segment_count: int
    segmentation_mode: Literal["refit", "assign"]
    model_as_of: dt.datetime | None = Field(
        description="Before when the events lie that the segments and their robustness come from."
    )
    far_customer_share: Share | None = Field(
        description="With assign, customers farther from their segment's centre than 99 in 100 were."
    )
    reporting_currency: str
    time_zone: str
    seed: int
    segment_method: str
    ari_to_previous: float | None
    version: str
    settings_hash: str
    input_hash: str
    customers_hash: str
    members_hash: str


class PreviousRun(_Part):
    """The run before this one, to which migrations refer."""

    run_id: str
    as_of: dt.datetime | None
    observation_end_date: dt.date | None


class CustomerTotals(_Part):
    """Sums over all customers of the run; amounts in the reporting currency."""

    customer_count: int
    segmented_count: int
    buyer_count: int = Field(description="Customers with at least one order.")
    net_revenue: Money
    total_clv: Money
    value_at_stake_amount: Money | None = Field(
        description="Expected value that may be lost; None without segments."
    )
    boundary_count: int = Field(description="Customers close to a border between two segments.")
    new_customer_count: int | None = Field(description="Customers that the previous run did not know.")
    clv_methods: tuple[str, ...]


class FeatureComparison(_Part):
    """One feature of one segment, in real units, beside all customers; see `segment_features`."""

    feature: str
    block: str
    unit: str
    mean: float
    median: float
    population_mean: float
    population_median: float
    z_score: float
    lift: float | None
    label: str
    is_distinctive: bool


class RobustnessTest(_Part):
    """One test of one segment, 0 to 1; see `segment_robustness`."""

    test: str
    variant: str
    replicate_count: int
    mean_score: float | None
    q05: float | None
    q95: float | None
    verdict: str
    is_borderline: bool | None
    is_deciding: bool
    reason: str | None


class RuleCheck(_Part):
    """One validation rule of one segment; see `segment_validation`."""

    rule: str
    is_passed: bool
    value: float | None
    threshold: float
    severity: str
    is_waived: bool
    reason: str


class Viability(_Part):
    """What acting on the segment would cost and bring; see `segment_viability`."""

    channel: str | None
    is_shipped_assumption: bool
    reachable_count: int
    cost_amount: Money
    cost_to_clv: float | None
    value_at_stake_amount: Money
    roi_low: float | None
    roi_base: float | None
    roi_high: float | None
    break_even_uplift: float | None
    targetability_score: float
    sales_priority_score: float
    personalisation_score: float
    timing_score: float
    revenue_impact_amount: Money
    retention_impact_score: float
    satisfaction_impact_score: float
    decision: str
    rejection_reasons: tuple[str, ...]


class Action(_Part):
    """Best answer to what, when, how or who; see `segment_actionability`."""

    dimension: str
    candidate: str | None
    candidate_share: float | None
    lift: float | None
    support_count: int
    strength: float
    is_actionable: bool
    recommendation: str
    source: str
    status: str


class Explanation(_Part):
    """The segment in plain words; see `segment_explanations`."""

    headline: str | None
    executive_summary: str | None
    campaign_recommendation: str | None
    roi_expectation: str | None
    confidence_level: str
    confidence_justification: str | None
    source: str
    status: str
    error_kind: str | None
    model: str | None


class SegmentSummary(_Part):
    """One segment with everything that is known about it."""

    segment_id: str
    segment_name: str
    customer_count: int
    customer_share: Share
    previous_customer_count: int | None = Field(
        description="Size in the previous run; None when it had no such id."
    )
    total_clv: Money
    total_clv_low: Money | None = Field(description="Lower end of a 95 % interval of total_clv.")
    total_clv_high: Money | None = Field(description="Upper end of the same interval.")
    average_clv: Money
    clv_share: float | None
    net_revenue: Money
    overall_robustness: float | None
    weakest_test: str | None
    verdict: str | None
    confidence_level: str
    defining_traits: tuple[str, ...]
    is_valid: bool
    is_actionable: bool
    is_production_ready: bool
    action_what: str | None
    action_when: str | None
    action_how: str | None
    action_who: str | None
    matched_by: str | None
    match_score: float | None
    split_from: str | None
    features: tuple[FeatureComparison, ...]
    robustness: tuple[RobustnessTest, ...]
    checks: tuple[RuleCheck, ...]
    actions: tuple[Action, ...]
    viability: Viability | None
    explanation: Explanation | None


class Migration(_Part):
    """Customers who were in one segment and are in another, or stayed; see `segment_migrations`."""

    from_segment_id: str
    from_segment_name: str
    to_segment_id: str
    to_segment_name: str
    customer_count: int
    customer_share: float
    boundary_count: int
    is_move: bool


class ClusterChoice(_Part):
    """One number of segments that was tried; see `cluster_selection`."""

    k: int
    inertia: float | None
    silhouette: float | None
    smallest_share: float | None
    is_elbow: bool
    is_silhouette_best: bool
    prediction_strength: float | None
    minimum_jaccard: float | None
    kind: str | None
    is_chosen: bool
    reason: str


class MethodFit(_Part):
    """One method of value and churn that was tried; see `clv_fit`."""

    method: str
    fit_ok: bool
    spend_fit_ok: bool
    reason: str
    is_clv_method: bool
    is_churn_method: bool


class ReasonCount(_Part):
    """How many rows were set aside for one reason."""

    reason: str
    count: int


class DataQuality(_Part):
    """What became of the rows that went in: used, outside the window, rejected, and the id merges."""

    event_count: int
    events_used: int
    events_outside_window: int
    events_rejected: int
    events_on_retired_id: int
    rejected_events: tuple[ReasonCount, ...]
    merge_count: int
    merges_rejected: int
    rejected_merges: tuple[ReasonCount, ...]
    merged_id_count: int
    merge_conflict_count: int
    merge_cycle_count: int


class Notice(_Part):
    """Something that a reader must know before the rest of the page."""

    kind: Literal[
        "insufficient_data",
        "single_segment",
        "constructive",
        "none_ready",
        "assigned",
        "many_rejected",
        "no_purchases",
    ]
    title: str
    text: str


class SegmentationReport(_Part):
    """The whole report: what `report.html`, the charts and the text summary are made of."""

    schema_version: Literal["1.3"] = SCHEMA_VERSION
    headline: str
    summary: str
    notices: tuple[Notice, ...]
    run: RunSummary
    previous_run: PreviousRun | None
    totals: CustomerTotals
    segments: tuple[SegmentSummary, ...] = Field(description="By total value, highest first.")
    migrations: tuple[Migration, ...]
    cluster_selection: tuple[ClusterChoice, ...]
    clv_fit: tuple[MethodFit, ...]
    data_quality: DataQuality
