"""Who writes the answers. A provider takes facts and gives an outcome; it never sees a table."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from segmentry.exceptions import LLMIntegrationError
from segmentry.explain.answer import HEADLINE_LENGTH, Answer
from segmentry.explain.facts import SegmentFacts
from segmentry.explain.language import find_language
from segmentry.explain.slots import render, slot_values

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["Outcome", "Provider", "Request", "TemplateProvider", "Usage", "load_template"]


@dataclass(frozen=True)
class Request:
    """One text to write."""

    segment_id: str
    request_key: str
    facts: SegmentFacts


@dataclass(frozen=True)
class Usage:
    """What an answer took. Cost in the currency of the price table, latency in seconds."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cost_amount: Decimal = Decimal(0)
    attempts: int = 0
    latency_seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What became of a request: an answer, or the kind of failure and the failure in words."""

    request: Request
    answer: Answer | None
    response: str | None = None
    error_kind: str | None = None
    error: str | None = None
    usage: Usage = field(default_factory=Usage)


class Provider(Protocol):
    """A writer of answers."""

    def outcomes(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        """Give one outcome per request, as they arrive; a fault is an outcome, not an exception."""


@functools.cache
def load_template(name: str) -> Template:
    """Load a template of the package.

    Parameters
    ----------
    name : str
        File in ``templates``.

    Returns
    -------
    jinja2.Template
        Plain text: it is escaped where it is displayed.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("segmentry.explain"),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.do"],
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


class TemplateProvider:
    """Writes answers from the templates of the package: deterministic, free, nothing leaves the machine.

    Parameters
    ----------
    language : str, default "en"
        Code of the language; ``templates/explanation.<language>.jinja`` has the texts.

    Raises
    ------
    ConfigurationError
        There is no template in this language.

    Examples
    --------
    >>> TemplateProvider(language="tlh")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    segmentry.exceptions.ConfigurationError: There is no explanation template in 'tlh'. Available: de, en. ...
    """

    def __init__(self, language: str = "en") -> None:
        self.language = find_language(language)
        self._template = load_template(f"explanation.{language}.jinja")

    def answer(self, facts: SegmentFacts) -> Answer:
        """Write the answer for one segment.

        Parameters
        ----------
        facts : SegmentFacts
            Facts of the segment.

        Returns
        -------
        Answer
            Texts with slots; the best candidate of each dimension.

        Raises
        ------
        LLMIntegrationError
            The template uses a slot that these facts don't have.
        """
        values = slot_values(facts, self.language)

        def slot(name: str) -> str:
            if name not in values:
                raise LLMIntegrationError(
                    f"The explanation template uses the slot {name!r}, which the facts of segment "
                    f"{facts.segment.segment_id} don't have. Correct src/segmentry/explain/templates."
                )
            return "{{" + name + "}}"

        module: Any = self._template.make_module({"facts": facts, "slot": slot, "known": values})

        def text(name: str) -> str:
            return " ".join(getattr(module, name)().split())

        # One headline per line, the richest first: the first that fits is taken.
        headlines = [" ".join(line.split()) for line in module.headline().splitlines() if line.strip()]
        fitting = [line for line in headlines if len(render(line, values)) <= HEADLINE_LENGTH]
        return Answer.model_validate(
            {
                "headline": next(iter(fitting), headlines[-1]),
                "executive_summary": text("executive_summary"),
                "campaign_recommendation": text("campaign_recommendation"),
                "roi_expectation": text("roi_expectation"),
                "confidence_justification": text("confidence_justification"),
                **{
                    dimension: {"candidate": choice.candidate if choice else None, "text": text(dimension)}
                    for dimension, choice in facts.best().items()
                },
            }
        )

    def outcomes(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        """Give one outcome per request; see `Provider`."""
        for request in requests:
            answer = self.answer(request.facts)
            yield Outcome(request, answer, response=answer.model_dump_json())
