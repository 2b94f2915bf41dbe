"""Fixtures that several test files share: finished builds, made once per session."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from segmentry.project import invoke, parsed

# What takes longest begins first, so that no worker is left alone with it at the end.
LONGEST_FIRST = (
    "test_door",
    "test_real_data",
    "test_rebuild",
    "test_assign",
    "test_erasure",
    "test_backtest",
    "test_explain_build",
    "test_incremental",
)
ROOT = Path(__file__).resolve().parents[2]
DBT = Path(sys.executable).with_name("dbt")


def run_dbt(*arguments: str, database: Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run dbt on the project as a user would, with its own database, target and logs."""
    environment = os.environ | {
        "SEGMENTRY_DB": str(database),
        "SEGMENTRY_PROJECT_DIR": str(ROOT),
        "SEGMENTRY_TEMP_DIRECTORY": str(database.parent / "duckdb_temp"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    places = ["--project-dir", str(ROOT), "--profiles-dir", str(ROOT)]
    places += ["--target-path", str(database.parent / "target"), "--log-path", str(database.parent / "logs")]
    return subprocess.run(
        [str(DBT), "--no-use-colors", *arguments, *places],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def invoke_on(
    database: Path, *arguments: str, variables: Mapping[str, Any], manifest: Any = None
) -> list[str]:
    """Run a command of dbt in this process, on a project that is parsed once; return what went wrong."""
    done = invoke(
        [*arguments, "--vars", json.dumps(variables)],
        work=database.parent,
        values={
            "SEGMENTRY_DB": str(database),
            "SEGMENTRY_TEMP_DIRECTORY": str(database.parent / "duckdb_temp"),
        },
        manifest=manifest or parsed(database.stem),
    )
    results = getattr(done.result, "results", None) or []
    messages = [str(result.message) for result in results if result.status in ("error", "fail")]
    messages += [str(done.exception)] if done.exception else []
    assert done.success == (not messages)
    return messages


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files with long tests first."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Processes that a shell starts in the background ignore Ctrl-C, and so would all that the tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def no_proxy_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test decides which model is asked and with which key, not the machine."""
    for name in [name for name in os.environ if name.upper().endswith("_PROXY") or name.startswith("OPENAI")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def built_demo(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """`warehouse.duckdb` after a build of the shipped demo, data tests and unit tests included.

    Built once for all workers; each has a copy of its own.
    """
    database = tmp_path_factory.mktemp("demo") / "warehouse.duckdb"
    root = tmp_path_factory.getbasetemp()
    shared = (root if worker_id == "master" else root.parent) / "built_demo"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "done").exists():
            built = run_dbt("build", database=shared / "warehouse.duckdb")
            assert built.returncode == 0, built.stdout[-5000:] + built.stderr
            (shared / "done").touch()
    shutil.copy(shared / "warehouse.duckdb", database)
    return database
