"""The core of the explanation step, the same for every warehouse: facts in, rows of the ledger out.

The ledger is append-only: cache, bill and audit log in one. What a key has been answered with is never
asked again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from segmentry.exceptions import ConfigurationError, LLMIntegrationError
from segmentry.explain.answer import Answer, problems, rendered
from segmentry.explain.facts import SCHEMA_VERSION, parse_facts
from segmentry.explain.providers import Outcome, Provider, Request, TemplateProvider

__all__ = [
    "MAXIMUM_TRIES",
    "PROMPT_VERSION",
    "RETRIED_KINDS",
    "ExplanationSettings",
    "LedgerRow",
    "Try",
    "explain",
    "make_provider",
    "needs_answer",
]

PROMPT_VERSION = "1"
"""Version of prompts and templates; part of every request key. Raise it whenever a text changes."""

MAXIMUM_TRIES = 3
RETRIED_KINDS = frozenset({"timeout", "connection", "server", "rate_limited", "quota", "budget"})
"""Failures that a later build may cure; every other kind would fail in the same way again."""


class ExplanationSettings(BaseModel):
    """Settings of a build, as the hook passes them: what is part of every request key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: Literal["template"]
    model: str
    language: str
    prompt_version: str
    schema_version: str

    @classmethod
    def parse(cls, values: Mapping[str, object]) -> ExplanationSettings:
        """Read the settings of the hook.

        Parameters
        ----------
        values : mapping
            What macro ``explanation_request`` returns.

        Returns
        -------
        ExplanationSettings
            Validated settings.

        Raises
        ------
        ConfigurationError
            A value is missing, unknown or not allowed, or SQL and Python belong to different versions.
        """
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            found = "; ".join(
                f"{item['loc'][0]}: {item['msg']} (found {item['input']!r})" for item in error.errors()
            )
            raise ConfigurationError(
                f"The explanation settings can't be used: {found}. Correct the vars segmentry_explanation_* "
                "and segmentry_language."
            ) from None
        versions = {"prompt_version": PROMPT_VERSION, "schema_version": SCHEMA_VERSION}
        for name, expected in versions.items():
            if getattr(settings, name) != expected:
                raise ConfigurationError(
                    f"The dbt project has {name} {getattr(settings, name)!r}, the Python package has "
                    f"{expected!r}. Install the same version of both."
                )
        return settings


@dataclass(frozen=True)
class Try:
    """An earlier row of the ledger for a request key."""

    status: str
    error_kind: str | None


@dataclass(frozen=True)
class LedgerRow:
    """One row to append; fields are the columns of ``int_segmentry__llm_ledger``, in order."""

    entry_id: str
    request_key: str
    segment_id: str
    purpose: str
    provider: str
    model: str
    language: str
    prompt_version: str
    schema_version: str
    status: str
    error_kind: str | None
    error: str | None
    response: str | None
    rendered: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cost_amount: Decimal
    attempts: int
    latency_seconds: float
    invocation_id: str
    recorded_at: datetime


def needs_answer(tries: Sequence[Try]) -> bool:
    """Whether a request key is still to be asked.

    Parameters
    ----------
    tries : sequence of Try
        Earlier rows for the key.

    Returns
    -------
    bool
        True without an answer, as long as every failure so far is of a kind that time may cure and there
        were fewer than three.

    Examples
    --------
    >>> needs_answer([])
    True
    >>> needs_answer([Try("fallback", "timeout")])
    True
    >>> needs_answer([Try("fallback", "timeout"), Try("ok", None)])
    False
    >>> needs_answer([Try("fallback", "refusal")])
    False
    """
    if any(earlier.status == "ok" for earlier in tries):
        return False
    return len(tries) < MAXIMUM_TRIES and all(earlier.error_kind in RETRIED_KINDS for earlier in tries)


def make_provider(settings: ExplanationSettings) -> Provider:
    """Make the provider that the settings name.

    Parameters
    ----------
    settings : ExplanationSettings
        Validated settings.

    Returns
    -------
    Provider
        Ready to write.
    """
    return TemplateProvider(language=settings.language)


def _utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def explain(
    facts: Iterable[tuple[str, str, str]],
    tries: Mapping[str, Sequence[Try]],
    settings: ExplanationSettings,
    invocation_id: str,
    *,
    provider: Provider | None = None,
    now: Callable[[], datetime] = _utc_now,
) -> Iterator[LedgerRow]:
    """Write what is missing: one row per segment without a good answer, as soon as it is there.

    Parameters
    ----------
    facts : iterable of (str, str, str)
        Segment id, JSON facts and request key, as in ``int_segmentry__segment_facts``.
    tries : mapping of str to sequence of Try
        Rows of the ledger by request key.
    settings : ExplanationSettings
        Settings of the build.
    invocation_id : str
        dbt's id of the build.
    provider : Provider, optional
        Who writes; by default what the settings name.
    now : callable, optional
        Clock, UTC without a zone.

    Yields
    ------
    LedgerRow
        To be committed at once, so that nothing that was paid for is lost.

    Raises
    ------
    DataValidationError
        Facts do not have the expected shape.
    LLMIntegrationError
        The template itself broke a rule of `problems`: a fault of Segmentry or of an edited template.
    """
    requests = [
        Request(segment_id, key, parse_facts(document))
        for segment_id, document, key in sorted(facts)
        if needs_answer(tries.get(key, ()))
    ]
    template = TemplateProvider(language=settings.language)
    for outcome in (provider or make_provider(settings)).outcomes(requests):
        yield _row(
            outcome, template, len(tries.get(outcome.request.request_key, ())), settings, invocation_id, now()
        )


def _row(
    outcome: Outcome,
    template: TemplateProvider,
    earlier_tries: int,
    settings: ExplanationSettings,
    invocation_id: str,
    recorded_at: datetime,
) -> LedgerRow:
    request = outcome.request
    error_kind, error = outcome.error_kind, outcome.error
    answer = outcome.answer
    if answer is not None and (found := problems(answer, request.facts)):
        answer, error_kind, error = None, "ungrounded", "; ".join(found)
    if answer is None:
        fallback = template.answer(request.facts)
        text = _checked(fallback, request)
    else:
        text = rendered(answer, request.facts)
    return LedgerRow(
        entry_id=hashlib.md5(
            f"{request.request_key}|{earlier_tries + 1}".encode(), usedforsecurity=False
        ).hexdigest(),
        request_key=request.request_key,
        segment_id=request.segment_id,
        purpose="explanation",
        provider=settings.provider,
        model=settings.model,
        language=settings.language,
        prompt_version=settings.prompt_version,
        schema_version=settings.schema_version,
        status="ok" if answer is not None else "fallback",
        error_kind=None if answer is not None else error_kind,
        error=None if answer is not None else error,
        response=outcome.response,
        rendered=text,
        prompt_tokens=outcome.usage.prompt_tokens,
        cached_tokens=outcome.usage.cached_tokens,
        completion_tokens=outcome.usage.completion_tokens,
        reasoning_tokens=outcome.usage.reasoning_tokens,
        cost_amount=outcome.usage.cost_amount,
        attempts=outcome.usage.attempts,
        latency_seconds=outcome.usage.latency_seconds,
        invocation_id=invocation_id,
        recorded_at=recorded_at,
    )


def _checked(answer: Answer, request: Request) -> str:
    """Render the template's text; it keeps the same rules as any other."""
    if found := problems(answer, request.facts):
        raise LLMIntegrationError(
            f"The explanation template broke its own rules for segment {request.segment_id}: "
            f"{'; '.join(found)}. Correct src/segmentry/explain/templates."
        )
    return rendered(answer, request.facts)
