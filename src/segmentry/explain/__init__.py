"""Texts about segments whose every number comes from the tables.

Facts (aggregates, never customers) go in; an answer with slots for numbers and names comes out, is
checked twice, rendered and kept in the ledger. The template writes it by default and as the fallback; a
language model can be asked instead.
"""

from segmentry.explain.answer import Answer, Recommendation, problems, rendered
from segmentry.explain.facts import SegmentFacts, parse_facts
from segmentry.explain.grounding import ungrounded_numbers
from segmentry.explain.ledger import LedgerRow, PlannedText, Try, explain, plan
from segmentry.explain.prices import parse_prices
from segmentry.explain.providers import TemplateProvider
from segmentry.explain.settings import PROMPT_VERSION, ExplanationLimits, ExplanationSettings

__all__ = [
    "PROMPT_VERSION",
    "Answer",
    "ExplanationLimits",
    "ExplanationSettings",
    "LedgerRow",
    "PlannedText",
    "Recommendation",
    "SegmentFacts",
    "TemplateProvider",
    "Try",
    "explain",
    "parse_facts",
    "parse_prices",
    "plan",
    "problems",
    "rendered",
    "ungrounded_numbers",
]
