"""An answer, written by a template or by a model, and the rules that it must keep.

Numbers and names are slots (``{{average_clv}}``). An answer that contains a digit, a number word, an
unknown slot or a candidate that was not offered is rejected; nothing is corrected silently.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from pydantic import BaseModel, ConfigDict

from segmentry.explain.facts import DIMENSIONS, Candidate, SegmentFacts
from segmentry.explain.grounding import ungrounded_numbers
from segmentry.explain.language import ENGLISH, Language
from segmentry.explain.slots import CONFIDENCE_SLOTS, RETURN_SLOTS, SLOT, render, slot_values

__all__ = [
    "HEADLINE_LENGTH",
    "TEXT_LENGTH",
    "Answer",
    "Recommendation",
    "answer_schema",
    "offered",
    "problems",
    "rendered",
]

HEADLINE_LENGTH = 90
TEXT_LENGTH = 700

# A cell that begins so is a formula to a spreadsheet.
_FORMULA_STARTS = ("=", "+", "-", "@")


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


def answer_schema(facts: SegmentFacts) -> dict[str, Any]:
    """JSON schema of the answers that a model may give for these facts.

    Parameters
    ----------
    facts : SegmentFacts
        Facts of one segment.

    Returns
    -------
    dict
        Every field required, none added; per dimension the candidate is one of those on offer, or null when
        there is none.
    """

    def record(properties: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def recommendation(dimension: str) -> dict[str, Any]:
        names = [action.candidate for action in offered(facts, dimension)]
        candidate = {"type": "string", "enum": names} if names else {"type": "null"}
        return record({"candidate": candidate, "text": {"type": "string"}})

    texts = {name: {"type": "string"} for name in Answer.model_fields if name not in DIMENSIONS}
    return record(texts | {dimension: recommendation(dimension) for dimension in DIMENSIONS})


def _is_at_home(slot: str, name: str) -> bool:
    """Whether a text of this name is where a slot belongs."""
    overview = ("headline", "executive_summary", "campaign_recommendation")
    if slot in ("segment_name", "channel"):
        return name != "confidence_justification"
    if slot.split("_")[0] in DIMENSIONS:
        return name in (*overview, slot.split("_")[0])
    if slot in RETURN_SLOTS:
        return name in ("roi_expectation", "campaign_recommendation")
    if slot in CONFIDENCE_SLOTS:
        return name == "confidence_justification"
    return name in overview


def _text_problems(name: str, text: str, values: dict[str, str], language: Language) -> list[str]:
    slots = SLOT.findall(text)
    found = [f"{name}: unknown slot {{{{{slot}}}}}" for slot in slots if slot not in values]
    found += [
        f"{name}: the slot {{{{{slot}}}}} belongs into another text"
        for slot in slots
        if slot in values and not _is_at_home(slot, name)
    ]
    words = SLOT.sub(" ", text)
    if not text.strip():
        found.append(f"{name}: empty")
    if "{" in words or "}" in words:
        found.append(f"{name}: a brace outside a slot")
    if not words.isprintable():
        found.append(f"{name}: a control character")
    numerals = sorted({char for char in words if unicodedata.category(char).startswith("N")})
    found.extend(f"{name}: the digit {char!r} instead of a slot" for char in numerals)
    counting = language.number_words.findall(language.harmless_words.sub(" ", words))
    found.extend(
        f"{name}: the number word {word!r} instead of a slot"
        for word in sorted({match.lower() for match in counting})
    )
    if not found:
        limit = HEADLINE_LENGTH if name == "headline" else TEXT_LENGTH
        shown = render(text, values)
        if len(shown) > limit:
            found.append(f"{name}: {len(shown)} characters, at most {limit} are shown")
        if shown.lstrip().startswith(_FORMULA_STARTS):
            found.append(f"{name}: begins like a formula")
    return found


def problems(
    answer: Answer, facts: SegmentFacts, language: Language = ENGLISH, *, with_meaning: bool = False
) -> list[str]:
    """Reasons why an answer may not be published.

    Two independent looks: the words (only known slots where they belong, no digits, no number words) and the
    rendered text (every number in it is a number of the facts, in the same unit).

    Parameters
    ----------
    answer : Answer
        What a provider wrote.
    facts : SegmentFacts
        Facts that it was written from.
    language : Language, default ENGLISH
        Language of the texts.
    with_meaning : bool, default False
        How slots are filled in; see `slot_values`.

    Returns
    -------
    list of str
        One sentence per fault; empty when the answer may be published.
    """
    values = slot_values(facts, language, with_meaning=with_meaning)
    found = [
        problem
        for name, text in answer.texts().items()
        for problem in _text_problems(name, text, values, language)
    ]
    if "{{confidence_level}}" not in answer.confidence_justification.replace(" ", ""):
        found.append("confidence_justification: the slot {{confidence_level}} is missing")
    found.extend(
        f"{name}: a level of confidence in words instead of the slot"
        for name, text in answer.texts().items()
        if language.level_claim.search(text)
    )
    for dimension in DIMENSIONS:
        chosen = getattr(answer, dimension).candidate
        names = [action.candidate for action in offered(facts, dimension)]
        if (chosen is None and names) or (chosen is not None and chosen not in names):
            # Without the names: a model reads this again, outside the JSON in which names are data.
            found.append(f"{dimension}: the choice is not among the candidates on offer")
    if not found:
        document = facts.model_dump(mode="json")
        shown = {name: render(text, values) for name, text in answer.texts().items()}
        # All texts at once: looking through the facts is what takes time, and there is rarely a fault.
        if ungrounded_numbers("\n".join(shown.values()), document, language):
            found = [
                f"{name}: {number} is not in the facts"
                for name, text in shown.items()
                for number in ungrounded_numbers(text, document, language)
            ]
    return found


def rendered(
    answer: Answer, facts: SegmentFacts, language: Language = ENGLISH, *, with_meaning: bool = False
) -> str:
    """Write the final texts of an answer without problems as flat JSON with sorted keys.

    Parameters
    ----------
    answer : Answer
        An answer for which `problems` found none.
    facts : SegmentFacts
        Facts that it was written from.
    language, with_meaning
        As for `problems`.

    Returns
    -------
    str
        JSON object: the five texts of the segment, and per dimension its text and the rank of the candidate
        (``what``, ``what_rank``); the rank is 1 where there is no candidate, as in
        ``int_segmentry__actions_scored``.
    """
    values = slot_values(facts, language, with_meaning=with_meaning)
    document: dict[str, str | int] = {name: render(text, values) for name, text in answer.texts().items()}
    for dimension in DIMENSIONS:
        choice = _choice(facts, dimension, answer)
        document[f"{dimension}_rank"] = choice.candidate_rank if choice else 1
    return json.dumps(document, ensure_ascii=False, sort_keys=True)
