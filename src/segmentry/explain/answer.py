"""An answer, written by a template or by a model, and the rules that it must keep.

Numbers and names are slots (``{{average_clv}}``). An answer that contains a digit, a number word, an
unknown slot or a candidate that was not offered is rejected; nothing is corrected silently.
"""

from __future__ import annotations

import json
import re
import unicodedata

from pydantic import BaseModel, ConfigDict

from segmentry.explain.facts import DIMENSIONS, Candidate, SegmentFacts
from segmentry.explain.grounding import ungrounded_numbers
from segmentry.explain.slots import SLOT, render, slot_values

__all__ = ["HEADLINE_LENGTH", "TEXT_LENGTH", "Answer", "Recommendation", "offered", "problems", "rendered"]

HEADLINE_LENGTH = 90
TEXT_LENGTH = 700

_UNITS = "two|three|four|five|six|seven|eight|nine|ten"
_NUMBER_WORDS = re.compile(
    rf"\b(?:zero|one|{_UNITS}|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundreds?|thousands?|millions?|billions?|dozens?"
    r"|half|halves|halved|thirds?|quarters?|fifths?|tenths?|doubl(?:e|es|ed|ing)|tripl(?:e|es|ed|ing)"
    rf"|quadrupl\w+|(?:{_UNITS}|hundred)fold|twice|thrice|per ?cent|percentage)\b",
    re.IGNORECASE,
)
# A "one-time" buyer is not counted, a "third-party" channel is not a fraction.
_HARMLESS = re.compile(r"\b(?:one-(?:time|off)|no one|third-party)\b", re.IGNORECASE)
_LEVEL_CLAIM = re.compile(
    r"\b(?:high|medium|low|unknown)\s+confidence\b|\bconfidence\s+is\s+(?:high|medium|low|unknown)\b",
    re.IGNORECASE,
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Recommendation(_Part):
    """The candidate chosen for one dimension (None for none) and what to do about it, in a sentence."""

    candidate: str | None
    text: str


class Answer(_Part):
    """What is written about one segment, numbers and names as slots."""

    headline: str
    executive_summary: str
    campaign_recommendation: str
    roi_expectation: str
    confidence_justification: str
    what: Recommendation
    when: Recommendation
    how: Recommendation
    who: Recommendation

    def texts(self) -> dict[str, str]:
        """Every text of the answer by the name under which it is published."""
        names = (
            "headline",
            "executive_summary",
            "campaign_recommendation",
            "roi_expectation",
            "confidence_justification",
        )
        texts: dict[str, str] = {name: getattr(self, name) for name in names}
        for dimension in DIMENSIONS:
            texts[dimension] = getattr(self, dimension).text
        return texts


def offered(facts: SegmentFacts, dimension: str) -> tuple[Candidate, ...]:
    """Candidates among which an answer may choose, best first.

    When the best is worth acting on, so is every other on offer: the choice of words never changes
    whether a dimension is actionable.
    """
    candidates = facts.candidates(dimension)
    return tuple(action for action in candidates if action.is_actionable == candidates[0].is_actionable)


def _choice(facts: SegmentFacts, dimension: str, answer: Answer) -> Candidate | None:
    name = getattr(answer, dimension).candidate
    return next((action for action in offered(facts, dimension) if action.candidate == name), None)


def _text_problems(name: str, text: str, values: dict[str, str]) -> list[str]:
    found = [f"{name}: unknown slot {{{{{slot}}}}}" for slot in SLOT.findall(text) if slot not in values]
    words = SLOT.sub(" ", text)
    if not text.strip():
        found.append(f"{name}: empty")
    if "{" in words or "}" in words:
        found.append(f"{name}: a brace outside a slot")
    if any(unicodedata.category(char).startswith("C") for char in words):
        found.append(f"{name}: a control character")
    numerals = sorted({char for char in words if unicodedata.category(char).startswith("N")})
    found.extend(f"{name}: the digit {char!r} instead of a slot" for char in numerals)
    number_words = sorted({match.lower() for match in _NUMBER_WORDS.findall(_HARMLESS.sub(" ", words))})
    found.extend(f"{name}: the number word {word!r} instead of a slot" for word in number_words)
    if not found:
        limit = HEADLINE_LENGTH if name == "headline" else TEXT_LENGTH
        length = len(render(text, values))
        if length > limit:
            found.append(f"{name}: {length} characters, at most {limit} are shown")
    return found


def problems(answer: Answer, facts: SegmentFacts) -> list[str]:
    """Reasons why an answer may not be published.

    Two independent looks: the words (only known slots, no digits, no number words) and the rendered
    text (every number in it is a number of the facts, in the same unit).

    Parameters
    ----------
    answer : Answer
        What a provider wrote.
    facts : SegmentFacts
        Facts that it was written from.

    Returns
    -------
    list of str
        One sentence per fault; empty when the answer may be published.
    """
    values = slot_values(facts)
    found = [
        problem for name, text in answer.texts().items() for problem in _text_problems(name, text, values)
    ]
    if "{{confidence_level}}" not in answer.confidence_justification.replace(" ", ""):
        found.append("confidence_justification: the slot {{confidence_level}} is missing")
    found.extend(
        f"{name}: a level of confidence in words instead of the slot"
        for name, text in answer.texts().items()
        if _LEVEL_CLAIM.search(text)
    )
    for dimension in DIMENSIONS:
        chosen = getattr(answer, dimension).candidate
        names = [action.candidate for action in offered(facts, dimension)]
        if (chosen is None and names) or (chosen is not None and chosen not in names):
            found.append(f"{dimension}: {chosen!r} is not among the candidates {names}")
    if not found:
        document = facts.model_dump(mode="json")
        for name, text in answer.texts().items():
            shown = render(text, values)
            found.extend(
                f"{name}: {number} is not in the facts" for number in ungrounded_numbers(shown, document)
            )
    return found


def rendered(answer: Answer, facts: SegmentFacts) -> str:
    """Write the final texts of an answer without problems as flat JSON with sorted keys.

    Parameters
    ----------
    answer : Answer
        An answer for which `problems` found none.
    facts : SegmentFacts
        Facts that it was written from.

    Returns
    -------
    str
        JSON object: the five texts of the segment, and per dimension its text and the rank of the candidate
        (``what``, ``what_rank``); the rank is 1 where there is no candidate, as in
        ``int_segmentry__actions_scored``.
    """
    values = slot_values(facts)
    document: dict[str, str | int] = {name: render(text, values) for name, text in answer.texts().items()}
    for dimension in DIMENSIONS:
        choice = _choice(facts, dimension, answer)
        document[f"{dimension}_rank"] = choice.candidate_rank if choice else 1
    return json.dumps(document, ensure_ascii=False, sort_keys=True)
