"""Texts about segments whose every number comes from the tables.

Facts (aggregates, never customers) go in; an answer with slots for numbers and names comes out, is
checked twice, rendered and kept in the ledger. The template writes it by default and as the fallback.
"""

from segmentry.explain.answer import Answer, Recommendation, problems, rendered
from segmentry.explain.facts import SegmentFacts, parse_facts
from segmentry.explain.grounding import ungrounded_numbers
from segmentry.explain.ledger import ExplanationSettings, LedgerRow, Try, explain
from segmentry.explain.providers import TemplateProvider

__all__ = [
    "Answer",
    "ExplanationSettings",
    "LedgerRow",
    "Recommendation",
    "SegmentFacts",
    "TemplateProvider",
    "Try",
    "explain",
    "parse_facts",
    "problems",
    "rendered",
    "ungrounded_numbers",
]
