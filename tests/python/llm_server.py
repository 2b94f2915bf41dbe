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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from segmentry.explain import SegmentFacts, TemplateProvider
from segmentry.explain.facts import DIMENSIONS

__all__ = ["Call", "Server", "answer_to", "completion", "facts_in", "serve"]

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

    @property
    def is_correction(self) -> bool:
        return len(self.body["messages"]) > 2


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
