"""Run the dbt project on files: the way of the data is the project's, this only opens the door."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segmentry.exceptions import DataValidationError, PipelineError
from segmentry.project import invoke, parsed, readable

__all__ = ["BuildOutcome", "build_from_files"]

# Readable by every DuckDB from 1.2 on; it counts only when the file is created.
STORAGE_VERSION = "v1.2.0"
READERS = {".parquet": "read_parquet({path})", ".csv": "read_csv({path}, all_varchar = true, header = true)"}
LAYERS = ("staging", "identity", "profiles", "segmentation", "assessment", "explanations", "marts")


@dataclass
class BuildOutcome:
    """What a build did.

    Attributes
    ----------
    database : pathlib.Path
        The DuckDB file with the result.
    seconds : float
        Wall time of the build.
    layer_seconds : dict of str to float
        Sum of the execution times of each layer's models, in seconds (models run side by side).
    warnings : list of str
        Names of the data tests that found something worth knowing.
    """

    database: Path
    seconds: float = 0.0
    layer_seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def build_from_files(
    events: Path,
    id_history: Path | None,
    output: Path,
    *,
    variables: Mapping[str, Any] | None = None,
    select: Sequence[str] = (),
    on_progress: Callable[[str], None] = lambda line: None,
) -> BuildOutcome:
    """Build everything from files into ``output/warehouse.duckdb``.

    Parameters
    ----------
    events, id_history
        Parquet or CSV files; ``id_history`` may be None.
    output
        Directory of the result; made when it is not there. An earlier result in it becomes the previous run.
    variables
        Vars of the dbt project that override its defaults.
    select
        Models to build, as dbt selects them, without data tests; everything when empty.
    on_progress
        Called with a line of text when a layer is complete.

    Returns
    -------
    BuildOutcome

    Raises
    ------
    DataValidationError
        A file is missing or of an unknown kind.
    PipelineError
        The build failed; the message names the models or tests and what they said.
    """
    sources = {"events": _checked(events, "events")}
    if id_history is not None:
        sources["id_history"] = _checked(id_history, "id history")
    output.mkdir(parents=True, exist_ok=True)
    database = (output / "warehouse.duckdb").resolve()
    _make_views(database, sources)
    settings = {
        "segmentry_use_demo": False,
        "segmentry_events": "{{ source('segmentry_input', 'events') }}",
        "segmentry_id_history": "{{ source('segmentry_input', 'id_history') }}"
        if id_history is not None
        else "",
        **(variables or {}),
    }
    values = {
        "SEGMENTRY_DB": str(database),
        "SEGMENTRY_INPUT_FILES": json.dumps([str(path) for path in sources.values()]),
        "SEGMENTRY_TEMP_DIRECTORY": str(output.resolve() / "duckdb_temp"),
    }
    return _run_dbt(database, output.resolve(), values, settings, select, on_progress)


def _checked(path: Path, what: str) -> Path:
    if not path.is_file():
        raise DataValidationError(f"The {what} file {path} was not found. Check the path.")
    if path.suffix.lower() not in READERS:
        raise DataValidationError(
            f"The {what} file {path} ends in {path.suffix or 'nothing'}; needed is {' or '.join(READERS)}. "
            "Convert the file first."
        )
    return path.resolve()


def _make_views(database: Path, sources: Mapping[str, Path]) -> None:
    """Create the database if need be, and a view over each file in it."""
    import duckdb

    try:
        connection = duckdb.connect(str(database), config={"storage_compatibility_version": STORAGE_VERSION})
    except duckdb.IOException as error:
        raise PipelineError(
            f"{database} could not be opened: {_first_line(error)}. "
            "If another process has it open, close that one and try again."
        ) from error
    with connection:
        connection.execute("create schema if not exists segmentry_input")
        for name, path in sources.items():
            reader = READERS[path.suffix.lower()].format(path="'" + str(path).replace("'", "''") + "'")
            try:
                connection.execute(f"create or replace view segmentry_input.{name} as select * from {reader}")
            except duckdb.Error as error:
                raise DataValidationError(f"{path} could not be read: {_first_line(error)}") from error


def _run_dbt(
    database: Path,
    output: Path,
    values: Mapping[str, str],
    settings: Mapping[str, Any],
    select: Sequence[str],
    on_progress: Callable[[str], None],
) -> BuildOutcome:
    variables = json.dumps(settings, sort_keys=True)
    started = time.monotonic()
    on_progress("reading the project")
    manifest = parsed(database.stem, variables)
    watch = _Watch(manifest, on_progress, started)
    build = ["build", "--vars", variables, "--log-level-file", "info", "--exclude-resource-type", "unit_test"]
    # Data tests speak of the whole.
    build += ["--exclude-resource-type", "test", "--select", *select] if select else []
    built = invoke(build, work=output, values=values, manifest=manifest, callbacks=[watch.on_event])
    outcome = BuildOutcome(database, time.monotonic() - started, dict(watch.layer_seconds))
    results = list(getattr(built.result, "results", None) or [])
    outcome.warnings = sorted(result.node.name for result in results if str(result.status) == "warn")
    if not built.success:
        raise PipelineError(_failure(built.exception, results))
    return outcome


class _Watch:
    """Says when a layer is complete, from dbt's own events."""

    def __init__(self, manifest: Any, on_progress: Callable[[str], None], started: float) -> None:
        self._layer_of = {
            identity: node.fqn[1] if node.fqn[1] in LAYERS else ""
            for identity, node in manifest.nodes.items()
            if node.resource_type == "model" and node.config.enabled
        }
        self._left = Counter(self._layer_of.values())
        self._on_progress = on_progress
        self._started = started
        self.layer_seconds: Counter[str] = Counter()

    def on_event(self, event: Any) -> None:
        if event.info.name not in ("LogModelResult", "LogPythonModelResult"):
            return
        layer = self._layer_of.get(event.data.node_info.unique_id, "")
        self._left[layer] -= 1
        self.layer_seconds[layer] += event.data.execution_time
        if layer and self._left[layer] == 0:
            self._on_progress(f"{layer} ready after {time.monotonic() - self._started:.0f} s")


def _failure(exception: BaseException | None, results: list[Any]) -> str:
    failed = [result for result in results if str(result.status) in ("error", "fail", "runtime error")]
    if not failed:
        return readable(exception)
    lines = [f"{result.node.name}: {readable(result.message)}" for result in failed[:5]]
    if len(failed) > 5:
        lines.append(f"and {len(failed) - 5} more")
    return "\n".join(lines)


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]
