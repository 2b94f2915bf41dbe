"""Answers of a language model behind any server that speaks OpenAI's chat completions.

Every fault becomes an outcome with a kind, except a wrong configuration, which stops. Nothing is asked that
the cost cap does not cover at its worst, and nothing waits beyond the deadlines.
"""

from __future__ import annotations

import asyncio
import email.utils
import functools
import json
import os
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import BaseModel, Field, ValidationError

from segmentry.exceptions import ConfigurationError
from segmentry.explain.answer import HEADLINE_LENGTH, TEXT_LENGTH, Answer, answer_schema, problems
from segmentry.explain.facts import SegmentFacts
from segmentry.explain.language import Language, find_language
from segmentry.explain.prices import Price
from segmentry.explain.providers import Outcome, Request, Usage, load_template
from segmentry.explain.settings import ExplanationLimits, ExplanationSettings
from segmentry.explain.slots import slot_values

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI

__all__ = ["OpenAIProvider", "first_messages", "worst_case"]

MAXIMUM_CALLS_PER_FAULT = 3
"""Calls until a server that is down, busy or broken is given up for a segment."""

MAXIMUM_WAIT_SECONDS = 20.0
"""A server that wants a longer pause than this (Retry-After) is given up."""

MAXIMUM_REPLY_BYTES = 1_000_000
_RESPONSE_LENGTH = 20_000
_ERROR_LENGTH = 1_000
# A shorter key is a placeholder for a server of one's own, and may be a word of the language ("none").
_SECRET_LENGTH = 8
# Tokens around the messages: roles, separators, the schema's frame.
_OVERHEAD_TOKENS = 200

Message = dict[str, str]


class _Tokens(BaseModel):
    """Counts of a server; absurd ones count as none, so that the worst case is booked."""

    class PromptDetails(BaseModel):
        cached_tokens: Annotated[int, Field(ge=0, le=10_000_000)] | None = 0

    class CompletionDetails(BaseModel):
        reasoning_tokens: Annotated[int, Field(ge=0, le=10_000_000)] | None = 0

    prompt_tokens: Annotated[int, Field(ge=0, le=10_000_000)]
    completion_tokens: Annotated[int, Field(ge=0, le=10_000_000)]
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None


class _Reply(BaseModel):
    """The part of a chat completion that is read; servers add what they like."""

    class Choice(BaseModel):
        class Message(BaseModel):
            content: str | None = None
            refusal: str | None = None

        message: Message
        finish_reason: str | None = None

    choices: Annotated[list[Choice], Field(min_length=1)]


@dataclass(eq=False)
class _Fault(Exception):
    """Why a call gave no usable answer, and whether asking again may help."""

    kind: str
    text: str
    asks_again: bool = False
    wait_seconds: float | None = None
    may_be_billed: bool = False


_INTERRUPTED = _Fault("interrupted", "The build was interrupted.")


@dataclass
class _Progress:
    """What was spent on one segment so far."""

    usage: Usage = field(default_factory=Usage)
    response: str | None = None
    in_flight: Decimal | None = None


class _Purse:
    """The money of a build. What calls in flight may cost at worst is set aside until they are back."""

    def __init__(self, maximum: Decimal) -> None:
        self._free = maximum
        self._set_aside = Decimal(0)
        self._changed = asyncio.Condition()

    async def set_aside(self, amount: Decimal) -> None:
        async with self._changed:
            # While others are out, they may come back with change.
            await self._changed.wait_for(lambda: amount <= self._free or not self._set_aside)
            if amount > self._free:
                raise _Fault(
                    "budget", f"The call could cost {amount:f}, of the maximum cost {self._free:f} is left."
                )
            self._free -= amount
            self._set_aside += amount

    async def settle(self, set_aside: Decimal, spent: Decimal) -> None:
        async with self._changed:
            self._set_aside -= set_aside
            self._free += set_aside - spent
            self._changed.notify_all()


def first_messages(facts: SegmentFacts, language: Language) -> list[Message]:
    r"""Write the messages of the first call for a segment.

    Parameters
    ----------
    facts : SegmentFacts
        Facts of the segment.
    language : Language
        Language of the answer.

    Returns
    -------
    list of dict
        ``role`` and ``content``: the rules, then the facts and slots as JSON in which no name can close the
        tag around it (``<`` is written ``\u003c``).
    """
    prompt = _prompt()
    document = json.dumps(
        {
            "facts": facts.model_dump(mode="json"),
            "slots": slot_values(facts, language, with_meaning=True),
        },
        ensure_ascii=False,
        sort_keys=True,
    )
    for char in "<>&":
        document = document.replace(char, f"\\u{ord(char):04x}")
    return [
        {"role": "system", "content": prompt.system(language.name, HEADLINE_LENGTH, TEXT_LENGTH).strip()},
        {"role": "user", "content": prompt.user(document).strip()},
    ]


def worst_case(
    messages: Sequence[Message], schema: Mapping[str, Any], price: Price, maximum_tokens: int
) -> tuple[int, Decimal]:
    """Tokens and cost of a call that no tokenizer exceeds: one token per byte sent, the maximum received.

    Parameters
    ----------
    messages : sequence of dict
        Messages of the call.
    schema : mapping
        Schema of the answer, which is sent too.
    price : Price
        Price of the model.
    maximum_tokens : int
        Tokens that the answer may have.

    Returns
    -------
    int
        Tokens sent at most.
    Decimal
        Cost at most.
    """
    text = "".join(message["content"] for message in messages) + json.dumps(schema, ensure_ascii=False)
    tokens = len(text.encode()) + _OVERHEAD_TOKENS
    return tokens, price.cost(tokens, maximum_tokens)


@functools.cache
def _prompt() -> Any:
    return load_template("prompt.jinja").make_module()


class OpenAIProvider:
    """Asks a language model; the key is read from the environment and appears nowhere else.

    Parameters
    ----------
    settings : ExplanationSettings
        Model, language and size of the answers.
    limits : ExplanationLimits
        Where to ask, and what the build may take. Without a ``base_url`` the server is that of the
        environment variable ``OPENAI_BASE_URL``, else OpenAI itself.
    price : Price
        What the model costs.
    pause_seconds : float, default 1
        Pause before the first repetition after a fault; it doubles.

    Raises
    ------
    ConfigurationError
        There is no key in ``OPENAI_API_KEY`` and the server is OpenAI's own.
    """

    def __init__(
        self,
        settings: ExplanationSettings,
        limits: ExplanationLimits,
        price: Price,
        *,
        pause_seconds: float = 1.0,
    ) -> None:
        self._settings = settings
        self._language = find_language(settings.language)
        self._limits = limits
        self._price = price
        self._base_url = limits.base_url or os.environ.get("OPENAI_BASE_URL") or None
        self._key = os.environ.get("OPENAI_API_KEY", "").strip()
        self._pause_seconds = pause_seconds
        if not self._key and not self._base_url:
            raise ConfigurationError(
                "The environment variable OPENAI_API_KEY is not set. Set it, or name a server of your own in "
                "the var segmentry_explanation_base_url."
            )
        if not self._key.isascii() or any(char.isspace() for char in self._key):
            raise ConfigurationError("The environment variable OPENAI_API_KEY does not hold a usable key.")

    # ---- From the world of threads into the loop and back --------------------------------------------

    def outcomes(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        """Give one outcome per request, as they arrive; see `Provider`.

        When the caller is interrupted (Ctrl-C), calls in flight are given up, and what has arrived is still
        given before the interruption goes on.
        """
        if not requests:
            return
        arrived: queue.SimpleQueue[Outcome | BaseException | None] = queue.SimpleQueue()
        loop = asyncio.new_event_loop()
        task = loop.create_task(self._ask_all(requests, arrived.put))

        def work() -> None:
            try:
                loop.run_until_complete(task)
            except BaseException as error:
                arrived.put(error)
            else:
                arrived.put(None)
            finally:
                loop.close()

        # Calls go on while the caller commits a row; as a daemon it never holds up the end of the process.
        worker = threading.Thread(target=work, name="segmentry-explanations", daemon=True)
        worker.start()
        interruption: BaseException | None = None
        try:
            while True:
                try:
                    item = arrived.get()
                except KeyboardInterrupt as error:
                    interruption = error
                    loop.call_soon_threadsafe(task.cancel)
                    continue
                if isinstance(item, Outcome):
                    yield item
                elif interruption is not None:
                    raise interruption
                elif item is not None:
                    raise item
                else:
                    return
        finally:
            with suppress(RuntimeError):  # the loop has ended by itself
                loop.call_soon_threadsafe(task.cancel)
            worker.join()

    async def _ask_all(self, requests: Sequence[Request], put: Callable[[Outcome], None]) -> None:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        deadline = time.monotonic() + self._limits.deadline_seconds
        purse = _Purse(self._limits.maximum_cost)
        slots = asyncio.Semaphore(self._limits.concurrency)
        stop: list[_Fault] = []

        async def ask(request: Request) -> None:
            async with slots:
                progress = _Progress()
                started = time.monotonic()

                def outcome(answer: Answer | None, fault: _Fault | None) -> Outcome:
                    spent = time.monotonic() - started if progress.usage.attempts else 0.0
                    return Outcome(
                        request,
                        answer,
                        response=progress.response,
                        error_kind=fault.kind if fault else None,
                        error=self._printable(fault.text, _ERROR_LENGTH) if fault else None,
                        usage=replace(progress.usage, latency_seconds=round(spent, 3)),
                    )

                try:
                    if stop:
                        raise stop[0]
                    put(outcome(await self._answer(client, request, progress, purse, deadline), None))
                except _Fault as fault:
                    if fault.kind == "config":
                        if progress.usage.cost_amount:
                            put(outcome(None, _INTERRUPTED))
                        raise ConfigurationError(self._printable(fault.text, _ERROR_LENGTH)) from None
                    if fault.kind == "quota" and not stop:
                        stop.append(_Fault("quota", "Not asked, because the quota is used up."))
                    put(outcome(None, fault))
                except asyncio.CancelledError:
                    # In flight, pausing before another call, or waiting for money: what was spent is kept.
                    if progress.in_flight is not None:
                        self._book_worst_case(progress, progress.in_flight)
                    if progress.usage.attempts:
                        put(outcome(None, _INTERRUPTED))
                    raise

        http_client = DefaultAsyncHttpxClient(follow_redirects=False, timeout=self._limits.request_seconds)
        async with AsyncOpenAI(
            api_key=self._key or "none",
            base_url=self._base_url,
            max_retries=0,
            timeout=self._limits.request_seconds,
            http_client=http_client,
        ) as client:
            # The first goes alone: a wrong key costs one call, and then the rules are in the server's cache.
            await ask(requests[0])
            try:
                async with asyncio.TaskGroup() as group:
                    for request in requests[1:]:
                        group.create_task(ask(request))
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None

    # ---- One segment ---------------------------------------------------------------------------------

    async def _answer(
        self,
        client: AsyncOpenAI,
        request: Request,
        progress: _Progress,
        purse: _Purse,
        deadline: float,
    ) -> Answer:
        """Ask again after a fault of the server, and once more with the reasons after an unusable answer."""
        messages = first_messages(request.facts, self._language)
        schema = answer_schema(request.facts)
        faults = 0
        was_corrected = False
        while True:
            try:
                content = await self._call(client, messages, schema, progress, purse, deadline)
            except _Fault as fault:
                faults += 1
                if not fault.asks_again or faults == MAXIMUM_CALLS_PER_FAULT:
                    raise
                wait = fault.wait_seconds
                wait = self._pause_seconds * 2 ** (faults - 1) if wait is None else wait
                if wait > MAXIMUM_WAIT_SECONDS or time.monotonic() + wait >= deadline:
                    raise
                await asyncio.sleep(wait)
                continue
            reasons, answer = self._judged(content, request.facts)
            if answer is not None and self._repeats_key(answer):
                # As JSON it may be spelled in ways that are not seen in the raw text.
                reasons, progress.response = ["an answer repeats the key"], None
            if answer is not None and not reasons:
                return answer
            if was_corrected:
                raise _Fault("ungrounded" if answer else "schema", "; ".join(reasons))
            was_corrected = True
            messages = [
                *messages,
                {"role": "assistant", "content": content[: 4 * TEXT_LENGTH]},
                {"role": "user", "content": _prompt().correction(reasons).strip()},
            ]

    def _judged(self, content: str, facts: SegmentFacts) -> tuple[list[str], Answer | None]:
        try:
            answer = Answer.model_validate_json(content)
        except ValidationError as error:
            return [
                f"{'.'.join(str(part) for part in item['loc']) or 'the answer'}: {item['msg']}"
                for item in error.errors()[:10]
            ], None
        return problems(answer, facts, self._language, with_meaning=True), answer

    def _repeats_key(self, answer: Answer) -> bool:
        texts = answer.texts().values()
        return len(self._key) >= _SECRET_LENGTH and any(self._key in text for text in texts)

    async def _call(
        self,
        client: AsyncOpenAI,
        messages: list[Message],
        schema: dict[str, Any],
        progress: _Progress,
        purse: _Purse,
        deadline: float,
    ) -> str:
        """Make one call and book it; its content, or a fault."""
        _, cost = worst_case(messages, schema, self._price, self._settings.maximum_tokens)
        await purse.set_aside(cost)
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            await purse.settle(cost, Decimal(0))
            raise _Fault("timeout", "The deadline of the build was reached.")
        before = progress.usage.cost_amount
        progress.usage = replace(progress.usage, attempts=progress.usage.attempts + 1)
        progress.in_flight = cost
        try:
            body = await self._body(client, messages, schema, min(self._limits.request_seconds, seconds))
        except _Fault as fault:
            progress.in_flight = None
            if fault.may_be_billed:
                self._book_worst_case(progress, cost)
            raise
        else:
            progress.in_flight = None
            return self._content(body, progress, cost)
        finally:
            in_doubt = progress.in_flight or Decimal(0)
            await asyncio.shield(purse.settle(cost, progress.usage.cost_amount - before + in_doubt))

    async def _body(
        self, client: AsyncOpenAI, messages: list[Message], schema: dict[str, Any], seconds: float
    ) -> bytes:
        import httpx2  # what the client is made of
        import openai

        create = cast(Any, client.chat.completions.with_streaming_response.create)
        try:
            async with (
                asyncio.timeout(seconds),
                create(
                    model=self._settings.model,
                    messages=messages,
                    max_completion_tokens=self._settings.maximum_tokens,
                    response_format={
                        "type": "json_schema",
                        "json_schema": {"name": "explanation", "strict": True, "schema": schema},
                    },
                ) as response,
            ):
                body = b""
                async for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > MAXIMUM_REPLY_BYTES:
                        raise _Fault("protocol", "The reply is longer than a megabyte.", may_be_billed=True)
                return body
        except (TimeoutError, openai.APITimeoutError):
            raise _Fault("timeout", f"No answer within {seconds:.0f} s.", may_be_billed=True) from None
        except openai.APIStatusError as error:
            raise self._of_status(error) from None
        except openai.APIConnectionError as error:
            cause = type(error.__cause__).__name__ if error.__cause__ else "no details"
            raise _Fault(
                "connection", f"The server could not be reached ({cause}).", asks_again=True
            ) from None
        except openai.OpenAIError as error:
            raise _Fault("protocol", f"The client failed ({type(error).__name__}).") from None
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            # The reply began and then broke off.
            raise _Fault(
                "connection",
                f"The connection broke ({type(error).__name__}).",
                asks_again=True,
                may_be_billed=True,
            ) from None

    def _content(self, body: bytes, progress: _Progress, cost: Decimal) -> str:
        """Read a reply with status 200, book what it says that it took, and take the model's text out."""
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            self._book_worst_case(progress, cost)
            raise _Fault("protocol", "The reply is not JSON.") from None
        self._book(progress, document.get("usage") if isinstance(document, dict) else None, cost)
        try:
            choice = _Reply.model_validate(document).choices[0]
        except ValidationError:
            raise _Fault("protocol", "The reply is not a chat completion.") from None
        content = choice.message.content
        if content:
            progress.response = self._printable(content, _RESPONSE_LENGTH)
        if choice.message.refusal:
            raise _Fault("refusal", f"The model refused: {choice.message.refusal}")
        if choice.finish_reason == "content_filter":
            raise _Fault("content_filter", "The server's content filter stopped the answer.")
        if choice.finish_reason == "length":
            raise _Fault("truncated", f"The answer did not fit into {self._settings.maximum_tokens} tokens.")
        if content is None or not content.strip():
            raise _Fault("protocol", "The answer is empty.")
        return content

    def _book(self, progress: _Progress, usage: Any, worst: Decimal) -> None:
        try:
            tokens = _Tokens.model_validate(usage)
        except ValidationError:
            self._book_worst_case(progress, worst)
            return
        cached = tokens.prompt_tokens_details.cached_tokens if tokens.prompt_tokens_details else 0
        reasoning = (
            tokens.completion_tokens_details.reasoning_tokens if tokens.completion_tokens_details else 0
        )
        before = progress.usage
        progress.usage = replace(
            before,
            prompt_tokens=before.prompt_tokens + tokens.prompt_tokens,
            cached_tokens=before.cached_tokens + (cached or 0),
            completion_tokens=before.completion_tokens + tokens.completion_tokens,
            reasoning_tokens=before.reasoning_tokens + (reasoning or 0),
            cost_amount=before.cost_amount
            + self._price.cost(tokens.prompt_tokens, tokens.completion_tokens, cached or 0),
        )

    def _book_worst_case(self, progress: _Progress, worst: Decimal) -> None:
        progress.usage = replace(progress.usage, cost_amount=progress.usage.cost_amount + worst)

    def _of_status(self, error: APIStatusError) -> _Fault:
        status, code = error.status_code, f"{error.code or ''} {error.type or ''}"
        text = f"The server answered {status}: {error.message}"
        if status in (401, 403, 404, 405):
            return _Fault(
                "config",
                f"{text} Check OPENAI_API_KEY and the vars segmentry_explanation_base_url and "
                "segmentry_explanation_model.",
            )
        if "content_filter" in code:
            return _Fault("content_filter", text)
        if status == 402 or (status == 429 and re.search(r"insufficient_quota|billing", code)):
            return _Fault("quota", text)
        if status == 429:
            return _Fault("rate_limited", text, asks_again=True, wait_seconds=_retry_after(error))
        if status == 408:
            return _Fault("timeout", text, asks_again=True)
        if status in (409, 425) or status >= 500:
            return _Fault("server", text, asks_again=True, wait_seconds=_retry_after(error))
        if status < 400:
            return _Fault("protocol", f"The server answered {status}, a redirect; it is not followed.")
        return _Fault("bad_request", text)

    def _printable(self, text: str, length: int) -> str:
        """Text of a server without the key, should it repeat it, and without control characters."""
        if self._key:
            text = text.replace(self._key, "***")
        text = re.sub(r"\b(sk-|Bearer\s+)[\w.*-]+", r"\1***", text)
        text = "".join(char if char.isprintable() or char == "\n" else " " for char in text)
        return text if len(text) <= length else text[: length - 1] + "…"


def _retry_after(error: APIStatusError) -> float | None:
    """Seconds of the header Retry-After, given as seconds or as a date."""
    value = error.response.headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
