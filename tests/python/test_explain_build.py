"""A language model in real builds: what is asked, what is published, what a build does when the model fails."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import DBT, ROOT, invoke_on
from llm_server import FAULTS, KEY, Call, Handler, Server, answer_to, completion, drip, serve

from segmentry import cli
from segmentry.explain.language import GERMAN, LANGUAGES
from segmentry.project import invoke, parsed
from segmentry.robustness import CONFIDENCE

LAYER = "int_segmentry__segment_facts+"
LEDGER = "segmentry_internal.int_segmentry__llm_ledger"


@pytest.fixture(autouse=True)
def environment(no_proxy_and_no_key: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def demo(built_demo: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(built_demo, tmp_path / "warehouse.duckdb"))


def variables(server: Server, **more: Any) -> dict[str, Any]:
    return {
        "segmentry_explanation_provider": "openai",
        "segmentry_explanation_model": "test-model",
        "segmentry_explanation_base_url": server.base_url,
        "segmentry_explanation_maximum_cost": 100,
        **{f"segmentry_explanation_{name}": value for name, value in more.items()},
    }


def run(database: Path, server: Server, *arguments: str, command: str = "run", **more: Any) -> list[str]:
    """Build the layer from the facts on; messages of what failed."""
    without_unit_tests = ("--exclude-resource-type", "unit_test") if command == "build" else ()
    return invoke_on(
        database,
        command,
        "--select",
        LAYER,
        *arguments,
        *without_unit_tests,
        variables=variables(server, **more),
    )


def query(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def texts(database: Path) -> list[tuple[Any, ...]]:
    return query(
        database,
        "select segment_id, source, status, error_kind from segmentry.segment_explanations order by 1",
    )


def count(database: Path) -> int:
    ((found,),) = query(database, "select count(*) from segmentry_internal.int_segmentry__segment_facts")
    return int(found)


def change_a_fact(database: Path) -> str:
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "update segmentry_internal.int_segmentry__segments_summarised set net_revenue = net_revenue + 1"
            " where segment_id = (select min(segment_id) from segmentry_internal.int_segmentry__segment_facts)"
        )
    ((changed,),) = query(database, "select min(segment_id) from segmentry.segment_explanations")
    return str(changed)


def test_every_segment_is_asked_about_once(demo: Path) -> None:
    number = count(demo)
    with serve() as server:
        assert run(demo, server, command="build") == []
        assert len(server.calls) == number
        assert {row[1:] for row in texts(demo)} == {("llm", "ok", None)}
        # A rebuild and a full refresh cost nothing, one changed fact one call.
        assert run(demo, server) == []
        assert run(demo, server, "--full-refresh") == []
        assert len(server.calls) == number
        changed = change_a_fact(demo)
        assert run(demo, server, command="build") == []
        assert [call.segment_id for call in server.calls[number:]] == [changed]
    # The bill is in the ledger and in its summary.
    usage = query(
        demo, "select sum(call_count), sum(prompt_tokens) from segmentry.llm_usage where model = 'test-model'"
    )
    assert usage == [(number + 1, 1000 * (number + 1))]


def test_a_failed_segment_is_asked_about_alone_and_at_most_three_times(demo: Path) -> None:
    number = count(demo)

    def reply(handler: Handler, call: Call) -> None:
        if call.segment_id == victim:
            handler.send({"error": {"message": "overloaded", "code": "insufficient_quota"}}, 402)
        else:
            handler.send_well(call)

    ((victim,),) = query(demo, "select max(segment_id) from segmentry.segment_explanations")
    with serve(reply) as server:
        calls = []
        for _ in range(4):
            before = len(server.calls)
            assert run(demo, server, concurrency=1) == []
            calls.append([call.segment_id for call in server.calls[before:]])
    assert len(calls[0]) == number
    assert calls[1:] == [[victim], [victim], []]
    assert texts(demo)[-1] == (victim, "template", "fallback", "quota")


def bad_gateway(handler: Handler, call: Call) -> None:
    handler.send(b"<html>bad gateway</html>", 502, {"Retry-After": "0"}, "text/html")


def lie(handler: Handler, call: Call) -> None:
    handler.send(completion(answer_to(call.facts) | {"headline": "They hold 99% of everything"}))


@pytest.mark.parametrize(
    ("reply", "kind", "calls"),
    [
        (bad_gateway, "server", 3),
        (lie, "ungrounded", 2),
        (drip, "timeout", 1),
        (lambda handler, call: handler.send(b"\x00" * 2_000_000), "protocol", 1),
    ],
    ids=["server", "ungrounded", "timeout", "protocol"],
)
def test_a_build_survives_a_model_that_fails(demo: Path, reply: Any, kind: str, calls: int) -> None:
    number = count(demo)
    before = query(
        demo, "select segment_id, headline, roi_expectation from segmentry.segment_explanations order by 1"
    )
    with serve(reply) as server:
        # The data tests look at the texts of one of them; they are the same for all.
        command = "build" if kind == "ungrounded" else "run"
        assert run(demo, server, command=command, request_seconds=3) == []
        assert len(server.calls) == number * calls
    assert {row[1:] for row in texts(demo)} == {("template", "fallback", kind)}
    after = query(
        demo, "select segment_id, headline, roi_expectation from segmentry.segment_explanations order by 1"
    )
    assert after == before


# What ends a build's calls at once (an empty quota, a wait of an hour) has tests of its own.
OF_ONE_SEGMENT = [name for name, fault in FAULTS.items() if fault[1] != "quota" and name != "429 for an hour"]


@pytest.mark.parametrize("first", range(0, len(OF_ONE_SEGMENT), 15))
def test_every_fault_becomes_its_row_in_a_build(demo: Path, first: int) -> None:
    ids = [segment_id for segment_id, *_ in texts(demo)]
    names = OF_ONE_SEGMENT[first : first + 15]
    while names:
        faults = dict(zip(ids, names, strict=False))
        names = names[len(ids) :]

        def reply(handler: Handler, call: Call, faults: dict[str, str] = faults) -> None:
            (FAULTS[faults[call.segment_id]][0] if call.segment_id in faults else Handler.send_well)(
                handler, call
            )

        with duckdb.connect(str(demo)) as connection:
            connection.execute(f"delete from {LEDGER}")
        with serve(reply) as server:
            assert run(demo, server, request_seconds=3) == []
            calls = Counter(call.segment_id for call in server.calls)
        found = {segment_id: tuple(row) for segment_id, *row in texts(demo)}
        for segment_id in ids:
            if segment_id in faults:
                _, kind, number, _ = FAULTS[faults[segment_id]]
                assert (found[segment_id], calls[segment_id]) == (("template", "fallback", kind), number), (
                    faults[segment_id]
                )
            else:
                assert (found[segment_id][1], calls[segment_id]) == ("ok", 1)


def test_a_wrong_key_stops_the_build_in_one_sentence(demo: Path) -> None:
    before = texts(demo)
    with serve(lambda handler, call: handler.send({"error": {"message": f"no {KEY}"}}, 401)) as server:
        (message,) = run(demo, server)
        assert len(server.calls) == 1
    assert "The server answered 401" in message
    assert "Traceback" not in message
    assert KEY not in message
    assert texts(demo) == before


def test_the_alarm_is_as_loud_as_the_var_says(demo: Path) -> None:
    with serve(lambda handler, call: handler.send({}, 400)) as server:
        assert run(demo, server) == []
        found = {}
        # A severity is read when the project is parsed.
        for severity, project in (("warn", parsed("warehouse")), ("error", None)):
            done = invoke(
                [
                    *("test", "--select", "segmentry_explanations_come_from_the_model", "--vars"),
                    json.dumps(variables(server, severity=severity)),
                ],
                work=demo.parent,
                values={"SEGMENTRY_DB": str(demo)},
                manifest=project,
            )
            tests = [result for result in done.result.results if result.node.resource_type == "test"]
            found[severity] = [str(test.status) for test in tests]
    assert found == {"warn": ["warn"], "error": ["fail"]}


def test_nothing_secret_is_anywhere(demo: Path) -> None:
    with serve() as server:
        assert run(demo, server, command="build") == []
        prompts = json.dumps([call.body for call in server.calls])
    ids = {
        row[0]
        for row in query(
            demo,
            "select customer_id from segmentry.customers union"
            " select customer_id from segmentry_internal.segmentry_demo_events where customer_id is not null",
        )
    }
    assert len(ids) > 500
    written = [path for path in demo.parent.rglob("*") if path.is_file()]
    assert any(path.name == "run_results.json" for path in written)
    for path in written:
        assert KEY.encode() not in path.read_bytes(), path
    tables = json.dumps(
        [
            query(demo, f"select * from {table}")
            for table in (LEDGER, "segmentry.segment_explanations", "segmentry.segment_actionability")
        ],
        default=str,
    )
    for text in (prompts, tables):
        assert KEY not in text
        assert "@" not in text
        assert not [id_ for id_ in ids if f'"{id_}"' in text or f" {id_} " in text]


def test_ctrl_c_leaves_a_ledger_that_the_next_build_goes_on_with(demo: Path) -> None:
    number = count(demo)

    def reply(handler: Handler, call: Call) -> None:
        time.sleep(0 if call.number <= 2 else 60)
        handler.send_well(call)

    places = ["--project-dir", str(ROOT), "--profiles-dir", str(ROOT)]
    places += ["--target-path", str(demo.parent / "target"), "--log-path", str(demo.parent / "logs")]
    with serve(reply) as server:
        given = json.dumps(variables(server, concurrency=1))
        build = subprocess.Popen(
            [str(DBT), "--quiet", "run", "--select", LAYER, "--vars", given, *places],
            env=os.environ | {"SEGMENTRY_DB": str(demo), "SEGMENTRY_PROJECT_DIR": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(600):
                if len(server.calls) >= 3:
                    break
                time.sleep(0.1)
            # The first one lets calls in flight finish, the second one leaves at once.
            for _ in range(20):
                if build.poll() is not None:
                    break
                build.send_signal(signal.SIGINT)
                time.sleep(1)
            assert build.wait(timeout=30) != 0
        finally:
            build.kill()
    rows = query(demo, f"select segment_id, status from {LEDGER} where provider = 'openai'")
    assert [status for _, status in rows] == ["ok", "ok"]
    with serve() as server:
        assert run(demo, server, command="build") == []
        assert len(server.calls) == number - 2
    assert {row[1:] for row in texts(demo)} == {("llm", "ok", None)}


# ---- The command --------------------------------------------------------------------------------------


@pytest.fixture
def warehouse(demo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEGMENTRY_DB", str(demo))
    monkeypatch.setenv("SEGMENTRY_TEMP_DIRECTORY", str(demo.parent / "duckdb_temp"))
    return demo


def test_the_command_asks_for_what_is_missing(warehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number = count(warehouse)
    down = True

    def reply(handler: Handler, call: Call) -> None:
        if down and call.segment_id == victim:
            handler.send(completion(None, refusal="nicht 'heute' ☃ \N{PILE OF POO}"))
        else:
            handler.send_well(call)

    ((victim,),) = query(warehouse, "select max(segment_id) from segmentry.segment_explanations")
    with serve(reply) as server:
        given = variables(server)
        del given["segmentry_explanation_provider"]
        command = ["explain", "--provider", "openai", "--vars", json.dumps(given), "--debug"]
        assert cli.main([*command, "--dry-run", "--max-cost", "7"]) == 0
        assert f"To ask: {number} of {number}" in capsys.readouterr().out
        assert server.calls == []
        assert {row[1:] for row in texts(warehouse)} == {("template", "ok", None)}
        assert cli.main([*command, "--concurrency", "2"]) == 0
        assert f"Written: {number}" in capsys.readouterr().out
        assert len(server.calls) == number
        assert texts(warehouse)[-1] == (victim, "template", "fallback", "refusal")
        ((error,),) = query(warehouse, f"select error from {LEDGER} where error_kind = 'refusal'")
        assert error == "The model refused: nicht 'heute' ☃ \N{PILE OF POO}"
        # A refusal is not asked about again by itself, but by hand.
        down = False
        assert cli.main([*command, "--only-failed"]) == 0
        assert [call.segment_id for call in server.calls[number:]] == [victim]
    assert {row[1:] for row in texts(warehouse)} == {("llm", "ok", None)}
    assert query(warehouse, "select sum(call_count) from segmentry.llm_usage where provider = 'openai'") == [
        (number + 1,)
    ]


def test_the_command_explains_what_is_wrong(warehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "--provider", "openai"]) == 1
    assert "needs a model" in capsys.readouterr().err


# ---- Another language ---------------------------------------------------------------------------------


def test_another_language_is_a_var(demo: Path) -> None:
    done = invoke(
        [
            "build",
            "--select",
            LAYER,
            "--exclude-resource-type",
            "unit_test",
            "--vars",
            json.dumps({"segmentry_language": "de"}),
        ],
        work=demo.parent,
        values={"SEGMENTRY_DB": str(demo), "SEGMENTRY_TEMP_DIRECTORY": str(demo.parent / "duckdb_temp")},
    )
    # The data tests read the German numbers too.
    assert done.success, [node.message for node in done.result.results if node.message]
    rows = query(
        demo,
        "select confidence_level, confidence_justification, executive_summary from segmentry.segment_explanations",
    )
    for level, justification, summary in rows:
        assert GERMAN.word(level) in justification
        assert " Kunden, " in summary
        assert " of all" not in summary


def test_every_language_has_its_words() -> None:
    phrases = {frozenset(language.phrases) for language in LANGUAGES.values()}
    assert len(phrases) == 1
    for code in LANGUAGES:
        assert (ROOT / f"src/segmentry/explain/templates/explanation.{code}.jinja").exists()


def test_the_cuts_of_confidence_are_those_of_the_scores() -> None:
    text = (ROOT / "macros/hooks/confidence_cuts.sql").read_text()
    cuts = json.loads(text.split("return(")[1].split(")")[0].replace("'", '"'))
    assert cuts == {level: cut for cut, level in CONFIDENCE if cut > 0}
