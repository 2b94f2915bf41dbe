"""A server of chat completions on loopback that does what a test tells it, faults above all."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from segmentry.explain import SegmentFacts, TemplateProvider
from segmentry.explain.facts import DIMENSIONS

__all__ = [
    "FAULTS",
    "KEY",
    "Call",
    "Handler",
    "Server",
    "answer_to",
    "changed",
    "completion",
    "content",
    "drip",
    "facts_in",
    "hang",
    "serve",
    "status",
]

KEY = "planted-0123456789abcdef"
"""What the tests set as the key."""

USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 200,
    "total_tokens": 1200,
    "prompt_tokens_details": {"cached_tokens": 400},
    "completion_tokens_details": {"reasoning_tokens": 50},
}


class Call:
    """One request as it arrived."""

    def __init__(self, number: int, body: dict[str, Any], headers: dict[str, str]) -> None:
        self.number = number
        self.body = body
        self.headers = headers

    @property
    def facts(self) -> dict[str, Any]:
        """The facts in the prompt."""
        found: dict[str, Any] = facts_in(self.body)["facts"]
        return found

    @property
    def segment_id(self) -> str:
        return str(self.facts["segment"]["segment_id"])


Reply = Callable[["Handler", Call], None]


def facts_in(body: dict[str, Any]) -> dict[str, Any]:
    """The JSON between the tags of the user's message."""
    text = body["messages"][1]["content"]
    (document,) = re.findall(r"<facts>\n(.*)\n</facts>", text, re.DOTALL)
    found: dict[str, Any] = json.loads(document)
    return found


def answer_to(facts: dict[str, Any]) -> dict[str, Any]:
    """An answer that keeps every rule: the template's candidates, in other words."""
    answer: dict[str, Any] = TemplateProvider().answer(SegmentFacts.model_validate(facts)).model_dump()
    answer["headline"] = "{{customer_share}}"
    answer["executive_summary"] = "The segment {{segment_name}} has {{customer_count}}."
    answer["campaign_recommendation"] = "Follow the decision."
    answer["roi_expectation"] = "Costs and effect are assumptions."
    answer["confidence_justification"] = "Confidence is {{confidence_level}}."
    for dimension in DIMENSIONS:
        answer[dimension]["text"] = "Written by a model."
    return answer


def completion(answer: Any, *, finish: str = "stop", usage: Any = USAGE, **message: Any) -> dict[str, Any]:
    """A chat completion; `answer` is its content."""
    content = answer if isinstance(answer, str) or answer is None else json.dumps(answer)
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "test-model",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": content, **message},
            }
        ],
        "usage": usage,
    }


class Handler(BaseHTTPRequestHandler):
    """Answers by the server's reply."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.reply(
            self, self.server.record(body, {name.lower(): value for name, value in self.headers.items()})
        )

    def send(
        self,
        document: Any,
        status: int = 200,
        headers: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> None:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def send_well(self, call: Call) -> None:
        self.send(completion(answer_to(call.facts)))

    def send_part(self, promised: int, parts: list[bytes], pause: float = 0.0) -> None:
        """Promise a length, send parts with pauses, and hang up."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(promised))
        self.end_headers()
        for part in parts:
            self.wfile.write(part)
            self.wfile.flush()
            time.sleep(pause)
        self.close_connection = True

    def reset(self) -> None:
        """Hang up without a word, as a crashed server does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def handle(self) -> None:
        with suppress(OSError, ValueError):  # the client hung up, as it should after a fault
            super().handle()

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()


class Server(ThreadingHTTPServer):
    """What it was asked is in `calls`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, reply: Reply) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply = reply
        self.calls: list[Call] = []
        self._lock = threading.Lock()

    def record(self, body: dict[str, Any], headers: dict[str, str]) -> Call:
        with self._lock:
            call = Call(len(self.calls) + 1, body, headers)
            self.calls.append(call)
            return call

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, *_: Any) -> None:
        """Say nothing: the faults are meant."""


@contextmanager
def serve(reply: Reply = Handler.send_well) -> Iterator[Server]:
    """Run a server for a while."""
    server = Server(reply)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# ---- Replies, and every fault that we could think of ---------------------------------------------------


def status(code: int, error: Any = None, **headers: str) -> Reply:
    """A status, and the error of the body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, call: handler.send({"error": error or {"message": "no"}}, code, named)


def content(*args: Any, **kwargs: Any) -> Reply:
    """A chat completion, whatever the facts."""
    return lambda handler, call: handler.send(completion(*args, **kwargs))


def raw(data: bytes, content_type: str = "application/json") -> Reply:
    """Bytes with status 200."""
    return lambda handler, call: handler.send(data, content_type=content_type)


def changed(**texts: Any) -> Reply:
    """A good answer with some parts replaced."""

    def reply(handler: Handler, call: Call) -> None:
        answer = answer_to(call.facts)
        for name, value in texts.items():
            if name in ("what", "when", "how", "who"):
                answer[name] |= value
            else:
                answer[name] = value
        handler.send(completion(answer))

    return reply


def hang(handler: Handler, call: Call) -> None:
    """Say nothing for longer than a test waits."""
    time.sleep(6)


def drip(handler: Handler, call: Call) -> None:
    """Send a byte now and then, for longer than a test waits."""
    handler.send_part(10_000, [b" "] * 120, pause=0.05)


def in_the_past() -> str:
    """A date for Retry-After."""
    return format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)


TEN_MEGABYTES = b'{"choices": [], "padding": "' + b"x" * 10_000_000 + b'"}'

# What the server does every time -> kind of failure, calls, whether something is booked.
FAULTS: dict[str, tuple[Reply, str, int, bool]] = {
    "no answer": (hang, "timeout", 1, True),
    "a dripping answer": (drip, "timeout", 1, True),
    "408": (status(408), "timeout", 3, False),
    "a reset connection": (lambda handler, call: handler.reset(), "connection", 3, False),
    "a body cut short": (lambda handler, call: handler.send_part(5000, [b'{"cho']), "connection", 3, True),
    "429 with Retry-After": (status(429, Retry_After="0.02"), "rate_limited", 3, False),
    "429 until a date that is past": (status(429, Retry_After=in_the_past()), "rate_limited", 3, False),
    "429 for an hour": (status(429, Retry_After="3600"), "rate_limited", 1, False),
    "429 with an absurd Retry-After": (status(429, Retry_After="soon"), "rate_limited", 3, False),
    "429 without quota": (
        status(429, {"message": "pay", "code": "insufficient_quota", "type": "insufficient_quota"}),
        "quota",
        1,
        False,
    ),
    "402": (status(402), "quota", 1, False),
    "500": (status(500), "server", 3, False),
    "502 in HTML": (lambda handler, call: handler.send(b"<html>", 502), "server", 3, False),
    "503 with Retry-After": (status(503, Retry_After="0"), "server", 3, False),
    "529": (status(529), "server", 3, False),
    "400": (status(400, {"message": "no response_format here"}), "bad_request", 1, False),
    "413": (status(413), "bad_request", 1, False),
    "422": (status(422), "bad_request", 1, False),
    "400 of a content filter": (
        status(400, {"message": "no", "code": "content_filter"}),
        "content_filter",
        1,
        False,
    ),
    "a redirect": (status(307, Location="http://127.0.0.1:9/elsewhere"), "protocol", 1, False),
    "HTML with 200": (raw(b"<html>log in</html>", "text/html"), "protocol", 1, True),
    "an empty body": (raw(b""), "protocol", 1, True),
    "half of a JSON": (raw(b'{"choices": [{"mess'), "protocol", 1, True),
    "bytes that are no text": (raw(b"\xff\xfe\x00\x9f"), "protocol", 1, True),
    "JSON a thousand deep": (raw(b"[" * 100_000), "protocol", 1, True),
    "a list": (raw(b"[]"), "protocol", 1, True),
    "null choices": (raw(b'{"choices": null}'), "protocol", 1, True),
    "no choices": (raw(b'{"choices": []}'), "protocol", 1, True),
    "an error with 200": (raw(b'{"error": {"message": "model is loading"}}'), "protocol", 1, True),
    "ten megabytes": (raw(TEN_MEGABYTES), "protocol", 1, True),
    "null content": (content(None), "protocol", 1, True),
    "blank content": (content("  \n"), "protocol", 1, True),
    "a refusal": (content(None, refusal="I can't help with that."), "refusal", 1, True),
    "a truncated answer": (content('{"headline": "They', finish="length"), "truncated", 1, True),
    "a filtered answer": (content("", finish="content_filter"), "content_filter", 1, True),
    "prose": (content("Sure! Here is the explanation."), "schema", 2, True),
    "JSON in a code fence": (content('```json\n{"headline": "x"}\n```'), "schema", 2, True),
    "another object": (content({"answer": 42}), "schema", 2, True),
    "a field too many": (changed(decision="pursue"), "schema", 2, True),
    "a field of another type": (changed(headline=["a", "b"]), "schema", 2, True),
    "no headline": (changed(headline=None), "schema", 2, True),
    "a wrong number": (changed(headline="They hold 93% of expected value"), "ungrounded", 2, True),
    "the right number, not as a slot": (changed(headline="They are 12%"), "ungrounded", 2, True),
    "a number word": (changed(executive_summary="They hold two thirds"), "ungrounded", 2, True),
    "a full-width digit": (
        changed(executive_summary="They hold \N{FULLWIDTH DIGIT NINE} parts"),
        "ungrounded",
        2,
        True,
    ),
    "a circled digit": (changed(executive_summary="Rank ③"), "ungrounded", 2, True),
    "an unknown slot": (changed(headline="{{profit}}"), "ungrounded", 2, True),
    "a slot of another text": (changed(headline="{{roi_high}}"), "ungrounded", 2, True),
    "a slot that facts don't have": (changed(what={"text": "{{what_9}}"}), "ungrounded", 2, True),
    "a candidate that was not offered": (changed(what={"candidate": "Yachts"}), "ungrounded", 2, True),
    "no candidate": (changed(what={"candidate": None}), "ungrounded", 2, True),
    "a level of its own": (
        changed(confidence_justification="{{confidence_level}}, that is, low confidence"),
        "ungrounded",
        2,
        True,
    ),
    "no level": (changed(confidence_justification="We are sure."), "ungrounded", 2, True),
    "an empty text": (changed(roi_expectation=""), "ungrounded", 2, True),
    "an endless text": (changed(roi_expectation="profit " * 500), "ungrounded", 2, True),
    "a template in the text": (changed(headline="{% raw %}{{ 7*7 }}"), "ungrounded", 2, True),
    "a formula": (changed(headline='=HYPERLINK("http://x","y")'), "ungrounded", 2, True),
    "terminal codes": (changed(headline="\x1b[2Jgone"), "ungrounded", 2, True),
    "turned writing": (changed(headline="\u202eabc"), "ungrounded", 2, True),
}
