"""What a text about a segment may be based on: aggregates, names and nothing else.

The SQL model ``int_segmentry__segment_facts`` writes one JSON document per segment. It is read
through a whitelist: an unknown field is an error, so that a customer id or a personal datum can't
slip into a text or a prompt by way of a new column.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, FiniteFloat, ValidationError, model_validator

from segmentry.exceptions import DataValidationError

__all__ = [
    "DIMENSIONS",
    "SCHEMA_VERSION",
    "Candidate",
    "Confidence",
    "Decision",
    "Feature",
    "Returns",
    "SegmentFacts",
    "SegmentSummary",
    "Trait",
    "parse_facts",
]

SCHEMA_VERSION = "1"
"""Version of the facts and of the answer; part of every request key."""

DIMENSIONS: tuple[Literal["what", "when", "how", "who"], ...] = ("what", "when", "how", "who")

_NAME_LENGTH = 60
# The same as macro looks_personal, which keeps such texts from becoming candidates in the first place.
_PERSONAL = re.compile(r"[^@ ]@[^@ ]+[.][^@ ]|[+][0-9]([ ().-]*[0-9]){6}|[0-9]([ ().-]*[0-9]){8}")


def _clean_name(name: str) -> str:
    """Make a name from the data harmless: no control or format characters, no braces, a bounded length."""
    visible = "".join(" " if char.isspace() else char for char in name)
    visible = "".join(char for char in visible if not unicodedata.category(char).startswith("C"))
    # A category called "{{average_clv}}" is a name, not a slot.
    neutral = " ".join(visible.replace("{", "(").replace("}", ")").split())
    return neutral if len(neutral) <= _NAME_LENGTH else neutral[: _NAME_LENGTH - 1].rstrip() + "…"


Name = Annotated[str, AfterValidator(_clean_name)]
# Texts begin with it; a cell that begins so is a formula to a spreadsheet.
LeadingName = Annotated[Name, AfterValidator(lambda name: name.lstrip("=+-@ "))]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SegmentSummary(_Part):
    """Size and value of the segment. Amounts in the reporting currency, shares and risks 0 to 1."""

    segment_id: str
    segment_name: LeadingName
    customer_count: int
    customer_share: FiniteFloat
    total_clv: FiniteFloat
    average_clv: FiniteFloat
    average_clv_all: FiniteFloat
    clv_share: FiniteFloat | None
    net_revenue: FiniteFloat
    order_count: int
    average_order_value: FiniteFloat | None
    average_churn_risk: FiniteFloat | None
    value_at_stake_amount: FiniteFloat


class Feature(_Part):
    """One feature in which the segment differs: mean of the segment and of all customers, in `unit`."""

    feature: Name
    label: Name | None
    block: Name
    unit: str
    mean: FiniteFloat
    population_mean: FiniteFloat
    lift: FiniteFloat


class Trait(_Part):
    """One trait that is more common in the segment than among all customers."""

    trait: Name
    dimension: Literal["what", "when", "how", "who"]
    trait_share: FiniteFloat
    population_share: FiniteFloat
    lift: FiniteFloat


class Candidate(_Part):
    """One thing to act on: a category, a time, a channel or a value tier; none when `candidate` is None."""

    dimension: Literal["what", "when", "how", "who"]
    candidate_rank: int
    candidate: Name | None
    candidate_share: FiniteFloat | None
    population_share: FiniteFloat | None
    lift: FiniteFloat | None
    support_count: int
    is_actionable: bool

    @model_validator(mode="after")
    def _withhold_personal_data(self) -> Candidate:
        if self.candidate and _PERSONAL.search(self.candidate):
            object.__setattr__(self, "candidate", None)  # the model is frozen, its validator is not
        return self


class Returns(_Part):
    """The costed campaign. Uplifts are additional conversion rates (0.01 is one percentage point)."""

    channel: Name | None
    reachable_count: int
    contacts: FiniteFloat | None
    contact_cost: FiniteFloat | None
    fixed_cost: FiniteFloat | None
    incentive: FiniteFloat | None
    gross_margin: FiniteFloat | None
    average_order_value: FiniteFloat | None
    uplift_low: FiniteFloat | None
    uplift_base: FiniteFloat | None
    uplift_high: FiniteFloat | None
    conversions_base: FiniteFloat | None
    cost_amount: FiniteFloat | None
    margin_amount: FiniteFloat | None
    roi_low: FiniteFloat | None
    roi_base: FiniteFloat | None
    roi_high: FiniteFloat | None
    break_even_uplift: FiniteFloat | None
    is_shipped_assumption: bool


class Confidence(_Part):
    """How far the segment can be trusted, and the scores from which confidence is medium and high."""

    confidence_level: Literal["high", "medium", "low", "unknown"]
    overall_robustness: FiniteFloat | None
    weakest_test: Name | None
    missing_tests: Name
    worst_block: Name | None
    worst_block_jaccard: FiniteFloat | None
    medium_from: FiniteFloat
    high_from: FiniteFloat


class Decision(_Part):
    """What was decided before any word was written, and the rules that make the segment invalid."""

    decision: Literal["pursue", "test", "reject"]
    failed_rules: tuple[Name, ...]
    is_valid: bool
    is_actionable: bool
    is_production_ready: bool


class SegmentFacts(_Part):
    """All that a text about one segment may be based on."""

    schema_version: Literal["1"]
    currency: str
    clv_horizon_days: int
    churn_horizon_days: int
    action_lift: FiniteFloat
    segment: SegmentSummary
    features: tuple[Feature, ...]
    traits: tuple[Trait, ...]
    actions: tuple[Candidate, ...]
    returns: Returns
    confidence: Confidence
    decision: Decision

    def candidates(self, dimension: str) -> tuple[Candidate, ...]:
        """Candidates of a dimension that have a name, best first."""
        found = (action for action in self.actions if action.dimension == dimension and action.candidate)
        return tuple(sorted(found, key=lambda action: action.candidate_rank))

    def best(self) -> dict[str, Candidate | None]:
        """Best candidate of each dimension, None where there is none."""
        return {dimension: next(iter(self.candidates(dimension)), None) for dimension in DIMENSIONS}


def parse_facts(text: str) -> SegmentFacts:
    """Read the JSON facts of one segment.

    Parameters
    ----------
    text : str
        A value of column `facts` of ``int_segmentry__segment_facts``.

    Returns
    -------
    SegmentFacts
        Validated facts with harmless names.

    Raises
    ------
    DataValidationError
        A field is missing, unknown or of the wrong type.

    Examples
    --------
    >>> parse_facts('{"customer_id": "C7"}')  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    segmentry.exceptions.DataValidationError: The facts of a segment can't be used: ...
    """
    try:
        return SegmentFacts.model_validate_json(text)
    except ValidationError as error:
        # Only places and kinds are reported: the values could be what must not leave the table.
        found = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'facts'}: {item['type']}"
            for item in error.errors()
        )
        raise DataValidationError(
            f"The facts of a segment can't be used: {found}. "
            "int_segmentry__segment_facts and segmentry.explain.facts must list the same fields."
        ) from None
