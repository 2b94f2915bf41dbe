"""The dbt project that belongs to this package, and dbt in this process."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from segmentry.exceptions import ConfigurationError, PipelineError

__all__ = [
    "declared_vars",
    "described_vars",
    "environment",
    "find_project",
    "invoke",
    "parsed",
    "readable",
    "run_operation",
]

_HEADING = re.compile(
    r"(Encountered an error while running operation: )?(Compilation|Runtime|Database|Parsing|Dbt ?\w*) Error"
)
KEPT_PARSES = 16  # some 3 MB each
# dbt keeps flags, adapters and logs in globals of the process.
_ONE_AT_A_TIME = threading.RLock()


def find_project() -> Path:
    """Directory of the dbt project that belongs to this package: the copy in a wheel, else the clone itself.

    Raises
    ------
    ConfigurationError
        Neither is there.

    Examples
    --------
    >>> (find_project() / "dbt_project.yml").is_file()
    True
    """
    package = Path(__file__).resolve().parent
    places = (package / "_project", package.parents[1])
    for directory in places:
        if (directory / "dbt_project.yml").is_file():
            return directory
    raise ConfigurationError(
        f"The dbt project of Segmentry was looked for in {' and '.join(map(str, places))} and is not there. "
        "Install Segmentry again: pip install --force-reinstall segmentry"
    )


@functools.cache
def declared_vars() -> dict[str, Any]:
    """Return every var of the project with its default; relation vars as the text that dbt resolves.

    Examples
    --------
    >>> declared_vars()["segmentry_seed"]
    42
    """
    import yaml

    project = yaml.safe_load((find_project() / "dbt_project.yml").read_text(encoding="utf-8"))
    return dict(project["vars"]["segmentry"])


def described_vars(word: str = "") -> dict[str, str]:
    """Return what every var is for, as `dbt_project.yml` says it: comments and defaults, by section.

    Parameters
    ----------
    word
        Leave out whatever does not contain it, upper case or lower.

    Examples
    --------
    >>> print(described_vars("random draw")["Segmentation"])
    # Seed of every random draw.
    segmentry_seed: 42
    """
    text = (find_project() / "dbt_project.yml").read_text(encoding="utf-8")
    text = text.split("\nvars:\n  segmentry:\n")[1]
    sections: dict[str, str] = {}
    for part in re.split(r"^    # -{4} ", text, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        lines = [line.removeprefix("    ") for line in body.rstrip().splitlines()]
        # A comment belongs to all vars down to the next one.
        starts = [
            number
            for number, line in enumerate(lines)
            if line.startswith("#") and not (number and lines[number - 1].startswith("#"))
        ]
        groups = ["\n".join(lines[start:end]) for start, end in zip(starts, [*starts[1:], None], strict=True)]
        found = [group for group in groups if word.lower() in group.lower()]
        if found:
            sections[title.rstrip("- ")] = "\n".join(found)
    return sections


def invoke(
    arguments: Sequence[str],
    *,
    work: Path,
    values: Mapping[str, str],
    manifest: Any = None,
    callbacks: Sequence[Callable[[Any], None]] = (),
) -> Any:
    """Run a dbt command on the project, in this process, without a word on the console.

    Parameters
    ----------
    arguments
        The command and its options.
    work
        Directory for what dbt writes: ``target`` and ``logs``.
    values
        Environment variables that the profile reads, such as ``SEGMENTRY_DB``.
    manifest
        A project that was parsed before.
    callbacks
        Called with each event of dbt.

    Returns
    -------
    dbt.cli.main.dbtRunnerResult
        ``success``, ``result`` and ``exception``.
    """
    # dbt takes seconds to import; whoever only looks at a result does not pay for it.
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    project = find_project()
    options = ["--project-dir", str(project), "--profiles-dir", str(project)]
    options += ["--target-path", str(work / "target"), "--log-path", str(work / "logs")]
    connections: Any = DuckDBConnectionManager
    with _ONE_AT_A_TIME, environment({"SEGMENTRY_PROJECT_DIR": str(project), **values}):
        try:
            runner = dbtRunner(manifest=manifest, callbacks=list(callbacks))
            return runner.invoke(["--quiet", "--log-level", "none", *arguments, *options])
        finally:
            # dbt keeps the file open after a run; the report and the next run need it.
            connections.close_all_connections()


@functools.lru_cache(maxsize=8)
def parsed(database: str, variables: str = "{}") -> Any:
    """Parse the project, once per process for a database and vars.

    Parameters
    ----------
    database
        Name of the database that relations carry: the stem of a DuckDB file, or ``memory``.
    variables
        Vars of the project that override its defaults, as JSON. A command may be given others, where they do
        not change which models depend on which.

    Returns
    -------
    dbt.contracts.graph.manifest.Manifest

    Raises
    ------
    PipelineError
        The project can't be read.
    """
    path = ":memory:" if database == "memory" else f"{database}.duckdb"
    kept = _kept_parse(database, variables)
    with tempfile.TemporaryDirectory(prefix="segmentry_") as work:
        partial = Path(work) / "target" / "partial_parse.msgpack"
        partial.parent.mkdir()
        with suppress(OSError):
            shutil.copyfile(kept, partial)
        outcome = invoke(
            ["parse", "--vars", variables],
            work=Path(work),
            values={"SEGMENTRY_DB": path, "SEGMENTRY_INPUT_FILES": "[]"},
        )
        if outcome.success:
            _keep_parse(partial, kept)
    if not outcome.success:
        raise PipelineError(readable(outcome.exception))
    return outcome.result


def _kept_parse(database: str, variables: str) -> Path:
    """Where dbt's record of a parsed project is kept between processes; dbt checks whether it still holds."""
    place = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    identity = json.dumps([str(find_project()), database, variables])
    return Path(place) / "segmentry" / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.msgpack"


def _keep_parse(partial: Path, kept: Path) -> None:
    """Replace what is kept in one step, forget all but the newest; where nobody may write, keep nothing."""
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        draft = kept.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
        shutil.copyfile(partial, draft)
        draft.replace(kept)
        newest = sorted(kept.parent.glob("*.msgpack"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in newest[KEPT_PARSES:]:
            old.unlink(missing_ok=True)


def run_operation(
    macro: str, database: str, *, arguments: Mapping[str, Any] | None = None, variables: str = "{}"
) -> list[str]:
    """Run a macro of the project.

    Parameters
    ----------
    macro
        Its name.
    database
        A DuckDB file, or ``:memory:``.
    arguments
        Its arguments.
    variables
        Vars of the project that override its defaults, as JSON.

    Returns
    -------
    list of str
        What it printed.

    Raises
    ------
    PipelineError
        The macro failed; the message is its own.
    """
    said: list[str] = []
    problems: list[str] = []

    def listen(event: Any) -> None:
        # What an operation prints, and why it fails, is in events alone.
        if event.info.name == "PrintEvent":
            said.append(event.info.msg)
        elif event.info.level == "error":
            problems.append(event.info.msg)

    command = ["run-operation", macro, "--args", json.dumps(dict(arguments or {})), "--vars", variables]
    with tempfile.TemporaryDirectory(prefix="segmentry_") as work:
        outcome = invoke(
            command,
            work=Path(work),
            values={
                "SEGMENTRY_DB": database,
                "SEGMENTRY_INPUT_FILES": "[]",
                "SEGMENTRY_TEMP_DIRECTORY": f"{work}/duckdb_temp",
            },
            manifest=parsed("memory" if database == ":memory:" else Path(database).stem),
            callbacks=[listen],
        )
    if not outcome.success:
        raise PipelineError(readable(outcome.exception or "\n".join(problems)))
    return said


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while; dbt reads them in its profile."""
    values = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", **values}
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def readable(problem: object) -> str:
    r"""Take the sentence out of a message of dbt: no headings, no trail of macros.

    >>> readable("Compilation Error in model x\n  The id is empty.\n\n> in macro y")
    'The id is empty.'
    """
    lines = []
    for line in str(problem).splitlines():
        text = line.strip()
        if re.match(r"^(> in macro|> called by|compiled code at|\(?The above exception)", text):
            break
        if not _HEADING.match(text):
            lines.append(text)
    return "\n".join(line for line in lines if line) or str(problem)
