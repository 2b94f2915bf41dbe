"""The core of the explanation step, the same for every warehouse: facts in, rows of the ledger out.

The ledger is append-only: cache, bill and audit log in one. What a key has been answered with is never
asked again.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from segmentry.exceptions import LLMIntegrationError
from segmentry.explain.answer import Answer, answer_schema, problems, rendered
from segmentry.explain.facts import SegmentFacts, parse_facts
from segmentry.explain.language import Language, find_language
from segmentry.explain.openai_provider import OpenAIProvider, first_messages, worst_case
from segmentry.explain.prices import Price, find_price
from segmentry.explain.providers import Outcome, Provider, Request, TemplateProvider
from segmentry.explain.settings import ExplanationLimits, ExplanationSettings

__all__ = [
    "FACT_COLUMNS",
    "MAXIMUM_TRIES",
    "RETRIED_KINDS",
    "TRY_COLUMNS",
    "LedgerRow",
    "PlannedText",
    "Try",
    "explain",
    "make_provider",
    "needs_answer",
    "plan",
    "tries_by_key",
]

FACT_COLUMNS = "segment_id, facts, request_key"
"""Columns of ``int_segmentry__segment_facts`` that `explain` takes, in its order."""

TRY_COLUMNS = "request_key, status, error_kind, attempts"
"""Columns of ``int_segmentry__llm_ledger`` that `tries_by_key` takes, in its order."""

MAXIMUM_TRIES = 3
RETRIED_KINDS = frozenset(
    {"timeout", "connection", "server", "rate_limited", "quota", "budget", "interrupted"}
)
"""Failures that a later build may cure; every other kind would fail in the same way again."""


@dataclass(frozen=True)
class Try:
    """An earlier row of the ledger for a request key."""

    status: str
    error_kind: str | None
    attempts: int = 1
    """Calls made. A try without any (the deadline or the cost cap came first) is not counted."""


@dataclass(frozen=True)
class PlannedText:
    """What a build would do: ``ask`` a model, use the ``template``, or ``keep`` the text that is there."""

    segment_id: str
    action: Literal["ask", "template", "keep"]
    prompt_tokens: int = 0
    """At most, of the first call."""
    cost_amount: Decimal = Decimal(0)
    """At most, for the first call; a repetition or a correction comes on top."""


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


def tries_by_key(rows: Iterable[Sequence[Any]]) -> dict[str, list[Try]]:
    """Group the rows of the ledger by request key.

    Parameters
    ----------
    rows : iterable of sequences
        Values of `TRY_COLUMNS`.

    Returns
    -------
    dict of str to list of Try
        Tries by request key, in the order of the rows.

    Examples
    --------
    >>> tries_by_key([("a", "fallback", "timeout", 1), ("a", "ok", None, 1)])["a"][1].status
    'ok'
    """
    tries: defaultdict[str, list[Try]] = defaultdict(list)
    for key, status, error_kind, attempts in rows:
        tries[key].append(Try(status, error_kind, int(attempts)))
    return dict(tries)


def needs_answer(tries: Sequence[Try], *, only_failed: bool = False) -> bool:
    """Whether a request key is still to be asked.

    Parameters
    ----------
    tries : sequence of Try
        Earlier rows for the key.
    only_failed : bool, default False
        Ask for nothing new, but again for every failure, whatever its kind and number.

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
    >>> needs_answer([Try("fallback", "refusal")], only_failed=True)
    True
    """
    if any(earlier.status == "ok" for earlier in tries):
        return False
    # A segment was skipped because it was too small; asked at all, it is large enough by now.
    failures = [earlier for earlier in tries if earlier.error_kind != "skipped"]
    if only_failed:
        return bool(failures)
    made = sum(earlier.attempts > 0 for earlier in failures)
    return made < MAXIMUM_TRIES and all(earlier.error_kind in RETRIED_KINDS for earlier in failures)


def make_provider(
    settings: ExplanationSettings, limits: ExplanationLimits, prices: Mapping[str, Price]
) -> Provider:
    """Make the provider that the settings name.

    Parameters
    ----------
    settings : ExplanationSettings
        Validated settings.
    limits : ExplanationLimits
        What it may take.
    prices : mapping of str to Price
        See `segmentry.explain.prices.parse_prices`; empty for the template, which is free.

    Returns
    -------
    Provider
        Ready to write.

    Raises
    ------
    ConfigurationError
        See `OpenAIProvider` and `TemplateProvider`.
    """
    if settings.provider == "template":
        return TemplateProvider(language=settings.language)
    return OpenAIProvider(settings, limits, find_price(prices, settings.model))


def plan(
    facts: Iterable[tuple[str, str, str]],
    tries: Mapping[str, Sequence[Try]],
    settings: ExplanationSettings,
    limits: ExplanationLimits,
    prices: Mapping[str, Price],
    *,
    only_failed: bool = False,
) -> list[PlannedText]:
    """Say what `explain` would do, without a call.

    Parameters
    ----------
    facts, tries, settings, limits, only_failed
        As for `explain`.
    prices : mapping of str to Price
        See `segmentry.explain.prices.parse_prices`.

    Returns
    -------
    list of PlannedText
        One per segment, in the order of their ids.

    Raises
    ------
    DataValidationError
        Facts do not have the expected shape.
    """
    language = find_language(settings.language)
    planned = []
    for segment_id, document, key in sorted(facts):
        of_segment = parse_facts(document)
        if not needs_answer(tries.get(key, ()), only_failed=only_failed):
            planned.append(PlannedText(segment_id, "keep"))
        elif settings.provider == "template" or _is_too_small(of_segment, settings, limits):
            planned.append(PlannedText(segment_id, "template"))
        else:
            tokens, cost = worst_case(
                first_messages(of_segment, language),
                answer_schema(of_segment),
                find_price(prices, settings.model),
                settings.maximum_tokens,
            )
            planned.append(PlannedText(segment_id, "ask", tokens, cost))
    return planned


def _is_too_small(facts: SegmentFacts, settings: ExplanationSettings, limits: ExplanationLimits) -> bool:
    """Whether the segment is so small that nothing about it leaves the warehouse."""
    return settings.provider != "template" and facts.segment.customer_count < limits.minimum_customers


def _utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def explain(
    facts: Iterable[tuple[str, str, str]],
    tries: Mapping[str, Sequence[Try]],
    settings: ExplanationSettings,
    invocation_id: str,
    *,
    limits: ExplanationLimits | None = None,
    prices: Mapping[str, Price] | None = None,
    only_failed: bool = False,
    provider: Provider | None = None,
    now: Callable[[], datetime] = _utc_now,
) -> Iterator[LedgerRow]:
    """Write what is missing: one row per segment without a good answer, as soon as it is there.

    Parameters
    ----------
    facts : iterable of (str, str, str)
        Values of `FACT_COLUMNS`: segment id, JSON facts and request key.
    tries : mapping of str to sequence of Try
        See `tries_by_key`.
    settings : ExplanationSettings
        Settings of the build.
    invocation_id : str
        dbt's id of the build.
    limits : ExplanationLimits, optional
        What the build may take.
    prices : mapping of str to Price, optional
        See `segmentry.explain.prices.parse_prices`; only a model needs them.
    only_failed : bool, default False
        See `needs_answer`.
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
    ConfigurationError
        The server refuses the key or does not know the model.
    DataValidationError
        Facts do not have the expected shape.
    LLMIntegrationError
        The template itself broke a rule of `problems`: a fault of Segmentry or of an edited template.
    """
    limits = limits or ExplanationLimits()
    requests = [
        Request(segment_id, key, parse_facts(document))
        for segment_id, document, key in sorted(facts)
        if needs_answer(tries.get(key, ()), only_failed=only_failed)
    ]
    skipped: list[Request] = []
    asked: list[Request] = []
    for request in requests:
        (skipped if _is_too_small(request.facts, settings, limits) else asked).append(request)
    provider = provider or make_provider(settings, limits, prices or {})
    template = TemplateProvider(language=settings.language)

    def row(outcome: Outcome) -> LedgerRow:
        earlier = len(tries.get(outcome.request.request_key, ()))
        return _row(outcome, template, earlier, settings, invocation_id, now())

    for request in skipped:
        if not tries.get(request.request_key):
            reason = f"Fewer than {limits.minimum_customers} customers: nothing is sent to a model."
            yield row(Outcome(request, None, error_kind="skipped", error=reason))
    for outcome in provider.outcomes(asked):
        yield row(outcome)


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
    language, with_meaning = template.language, settings.with_meaning
    # The provider may have looked already; what is published does not depend on that.
    if answer is not None and (found := problems(answer, request.facts, language, with_meaning=with_meaning)):
        answer, error_kind, error = None, "ungrounded", "; ".join(found)
    if answer is None:
        text = _checked(template.answer(request.facts), request, language)
    else:
        text = rendered(answer, request.facts, language, with_meaning=with_meaning)
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


def _checked(answer: Answer, request: Request, language: Language) -> str:
    """Render the template's text; it keeps the same rules as any other."""
    if found := problems(answer, request.facts, language):
        raise LLMIntegrationError(
            f"The explanation template broke its own rules for segment {request.segment_id}: "
            f"{'; '.join(found)}. Correct src/segmentry/explain/templates."
        )
    return rendered(answer, request.facts, language)
