"""Run the dbt project: on files in this process, on anything that is a table in a process of its own.

The way of the data is the project's; this only opens the door.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from segmentry import exceptions
from segmentry.exceptions import (
    ClusteringError,
    ConfigurationError,
    CustomerMergeError,
    DataValidationError,
    PipelineError,
    ProfileBuildError,
    SegmentationEngineError,
)
from segmentry.project import declared_vars, invoke, parsed, readable
from segmentry.results import PipelineResult

__all__ = [
    "BuildOutcome",
    "PipelineConfig",
    "build_demo",
    "build_from_files",
    "quick_segmentation",
    "run_pipeline",
]

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
        Wall time of the build, in seconds.
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
    database: Path | None = None,
    variables: Mapping[str, Any] | None = None,
    select: Sequence[str] = (),
    erasures: Path | None = None,
    on_progress: Callable[[str], None] = lambda line: None,
) -> BuildOutcome:
    """Build everything from files, in this process.

    Parameters
    ----------
    events, id_history
        Parquet or CSV files; ``id_history`` may be None.
    output
        Directory of what dbt writes; made when it is not there.
    database
        DuckDB file of the result; ``warehouse.duckdb`` in ``output`` when left out. An earlier result in it
        becomes the previous run.
    variables
        Vars of the dbt project that override its defaults.
    select
        Models to build, as dbt selects them, without data tests; everything when empty.
    erasures
        Parquet or CSV file with the `customer_id` of each customer to erase.
    on_progress
        Called with a line of text when a layer is complete.

    Returns
    -------
    BuildOutcome

    Raises
    ------
    ConfigurationError
        A var is unknown or has a value that it can't have.
    DataValidationError
        A file is missing or of an unknown kind, or its table lacks a column.
    CustomerMergeError, ProfileBuildError, ClusteringError
        A model of that layer failed.
    PipelineError
        The build failed elsewhere; the message names the models or tests and what they said.
    """
    sources = {"events": _checked(events, "events")}
    if id_history is not None:
        sources["id_history"] = _checked(id_history, "id history")
    if erasures is not None:
        sources["erasures"] = _checked(erasures, "erasures")
    settings = {
        "segmentry_use_demo": False,
        "segmentry_events": "{{ source('segmentry_input', 'events') }}",
        "segmentry_id_history": "{{ source('segmentry_input', 'id_history') }}"
        if id_history is not None
        else "",
        "segmentry_erasures": "{{ source('segmentry_input', 'erasures') }}" if erasures is not None else "",
        **_known(variables or {}),
    }
    return _build(output, database, sources, settings, select, on_progress)


def build_demo(
    output: Path,
    *,
    variables: Mapping[str, Any] | None = None,
    on_progress: Callable[[str], None] = lambda line: None,
) -> BuildOutcome:
    """Build the shipped demo into ``output/warehouse.duckdb``.

    Parameters
    ----------
    output, variables, on_progress
        As in `build_from_files`.

    Returns
    -------
    BuildOutcome

    Raises
    ------
    ConfigurationError, PipelineError
        As in `build_from_files`.
    """
    return _build(output, None, {}, _known(variables or {}), (), on_progress)


def _build(
    output: Path,
    database: Path | None,
    sources: Mapping[str, Path],
    settings: Mapping[str, Any],
    select: Sequence[str],
    on_progress: Callable[[str], None],
) -> BuildOutcome:
    if output.exists() and not output.is_dir():
        raise ConfigurationError(f"The output {output} is a file; needed is a directory. Name another one.")
    output.mkdir(parents=True, exist_ok=True)
    database = (database or output / "warehouse.duckdb").resolve()
    _make_views(database, sources)
    values = {
        "SEGMENTRY_DB": str(database),
        "SEGMENTRY_INPUT_FILES": json.dumps([str(path) for path in sources.values()]),
        "SEGMENTRY_TEMP_DIRECTORY": str(output.resolve() / "duckdb_temp"),
    }
    return _run_dbt(database, output.resolve(), values, settings, select, on_progress)


def _known(variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the vars, all of which must exist: dbt itself takes a mistyped name without a word."""
    for name in variables:
        if name not in declared_vars():
            close = difflib.get_close_matches(name, declared_vars(), 1)
            raise ConfigurationError(
                f"There is no var {name}. "
                + (f"Did you mean {close[0]}? " if close else "")
                + "All vars are listed in dbt_project.yml of Segmentry."
            )
    return variables


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
                # DuckDB says where, what and why; advice for those who call it follows.
                cause = ". ".join(line.strip(". ") for line in str(error).strip().splitlines()[:3])
                needed = (
                    "" if path.suffix.lower() == ".parquet" else " A CSV file must be UTF-8, with a header."
                )
                raise DataValidationError(f"{path} could not be read: {cause}.{needed}") from error


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
        raise _failure(built.exception, results)
    return outcome


class _Watch:
    """Says when a layer is complete, and what long models say, from dbt's own events."""

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
        if event.info.name == "AdapterEventInfo" and event.data.name == "Segmentry":
            self._on_progress(event.data.base_msg)
        elif event.info.name == "JinjaLogInfo":
            self._on_progress(event.data.msg)
        if event.info.name not in ("LogModelResult", "LogPythonModelResult"):
            return
        layer = self._layer_of.get(event.data.node_info.unique_id, "")
        self._left[layer] -= 1
        self.layer_seconds[layer] += event.data.execution_time
        if layer and self._left[layer] == 0:
            self._on_progress(f"{layer} ready after {time.monotonic() - self._started:.0f} s")


_LAYER_ERRORS = {
    "identity": CustomerMergeError,
    "profiles": ProfileBuildError,
    "segmentation": ClusteringError,
}


def _failure(exception: BaseException | None, results: list[Any]) -> SegmentationEngineError:
    failed = [result for result in results if str(result.status) in ("error", "fail", "runtime error")]
    if not failed:
        # The two hooks that look at settings and input before any model are named in the trail of macros.
        kinds = {"validate_config": ConfigurationError, "validate_input": DataValidationError}
        kind = next((kinds[macro] for macro in kinds if f"macro {macro} " in str(exception)), PipelineError)
        return kind(readable(exception))
    first = failed[0].node
    if "macro require_columns " in str(failed[0].message):
        return DataValidationError(readable(failed[0].message))
    lines = [f"{result.node.name}: {readable(result.message)}" for result in failed[:5]]
    if len(failed) > 5:
        lines.append(f"and {len(failed) - 5} more")
    is_model = first.resource_type == "model"
    return _LAYER_ERRORS.get(first.fqn[1] if is_model else "", PipelineError)("\n".join(lines))


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]


class PipelineConfig(BaseModel):
    """What to build, and where.

    Attributes
    ----------
    n_clusters : int, optional
        Number of segments, 1 to 20; the method chooses it when left out.
    seed : int
        Seed of every random draw, of the synthetic data too.
    as_of : datetime.date, optional
        Only events before this day count; the day after the latest event when left out.
    variables : dict
        Any other vars of the dbt project, such as ``{"segmentry_reporting_currency": "USD"}``.
    database : pathlib.Path, optional
        DuckDB file of the result, made when it is not there; an earlier result in it becomes the previous
        run. When left out: ``warehouse.duckdb`` in ``output``, else a file that goes with the result.
    output : pathlib.Path, optional
        Directory for ``report.html``, ``report.json`` and ``charts``; none are written when left out.
    synthetic_customers : int
        Persons that are invented when there are no events.

    Examples
    --------
    >>> PipelineConfig(n_clusters=4, variables={"segmentry_time_zone": "Europe/Prague"}).seed
    42
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_clusters: int | None = Field(default=None, ge=1, le=20)
    seed: int = Field(default=42, ge=0)
    as_of: date | None = None
    variables: dict[str, Any] = Field(default_factory=dict)
    database: Path | None = None
    output: Path | None = None
    synthetic_customers: int = Field(default=500, ge=1)

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            found = "; ".join(
                f"{'.'.join(map(str, problem['loc']))}: {problem['msg']} (found {problem['input']!r})"
                for problem in error.errors(include_url=False)
            )
            raise ConfigurationError(f"PipelineConfig can't be used: {found}.") from error
        twice = sorted({"segmentry_k", "segmentry_seed", "segmentry_as_of"} & set(self.variables))
        if twice:
            raise ConfigurationError(
                f"{', '.join(twice)} can't be among the variables of PipelineConfig: "
                "set n_clusters, seed and as_of."
            )
        if self.database is not None and self.database.stem.lower() == "segmentry":
            raise ConfigurationError(
                f"The database is called {self.database.name}, like the schema in it: "
                "`segmentry.customers` would mean two things. Name it otherwise, such as warehouse.duckdb."
            )

    def vars(self) -> dict[str, Any]:
        """Return the vars of the dbt project that this sets."""
        return {
            **self.variables,
            "segmentry_k": self.n_clusters or 0,
            "segmentry_seed": self.seed,
            "segmentry_as_of": self.as_of.isoformat() if self.as_of else "",
        }


def run_pipeline(
    config: PipelineConfig | None = None,
    *,
    events: Any = None,
    id_history: Any = None,
    on_progress: Callable[[str], None] = lambda line: None,
) -> PipelineResult:
    """Build customers, profiles, segments and everything about them, as ``segmentry run`` does.

    The build runs in a process of its own, so that calls from several threads don't meet and nothing stays
    behind in this one: no lock, no open file, no changed environment.

    Parameters
    ----------
    config
        What to build and where; the defaults when left out.
    events, id_history
        Tables as docs/your-data.md says: a pandas or polars frame, an Arrow table, a DuckDB relation,
        anything that hands out an Arrow stream, or the path of a Parquet or CSV file. Without events, both
        are invented.
    on_progress
        Called with a line of text when a layer is complete.

    Returns
    -------
    PipelineResult

    Raises
    ------
    ConfigurationError
        A setting is unknown or out of range.
    DataValidationError
        The tables can't be used as they are.
    CustomerMergeError, ProfileBuildError, ClusteringError, ReportGenerationError
        That part of the build failed.
    PipelineError
        Another part failed, or the process did not end well.

    Examples
    --------
    >>> config = PipelineConfig(n_clusters=3, variables={"segmentry_reporting_currency": "USD"})
    >>> result = run_pipeline(config, events="events.parquet")  # doctest: +SKIP
    >>> result.tables["segments"][["segment_name", "customer_count"]]  # doctest: +SKIP
    """
    config = config or PipelineConfig()
    _known(config.variables)
    started = time.monotonic()
    if events is None:
        if id_history is not None:
            raise DataValidationError("There is an id history and no events; hand over both, or neither.")
        from segmentry.synthetic import generate_small_dataset

        events, id_history = generate_small_dataset(config.synthetic_customers, config.seed)
    database = config.database or (config.output and config.output / "warehouse.duckdb")
    temporary = None if database else Path(tempfile.mkdtemp(prefix="segmentry_"))
    place = (database or Path(str(temporary)) / "warehouse.duckdb").resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="segmentry_") as work:
            given = {"events": events} | ({} if id_history is None else {"id_history": id_history})
            files = {name: _as_file(table, name, Path(work)) for name, table in given.items()}
            input_seconds = time.monotonic() - started
            done = _in_a_process(
                {
                    "files": {name: str(path) for name, path in files.items()},
                    "work": str(Path(work) / "dbt"),
                    "database": str(place),
                    "variables": config.vars(),
                    "report": str(config.output.resolve()) if config.output else None,
                },
                on_progress,
            )
            if any(path.parent == Path(work) for path in files.values()):
                _drop_views(place)
        timings = {"input": input_seconds, **done["timings"], "total": time.monotonic() - started}
        return PipelineResult.load(place, timings=timings, warnings=done["warnings"], temporary=temporary)
    except BaseException:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
        raise


def quick_segmentation(
    events: Any = None, id_history: Any = None, n_clusters: int | None = None, seed: int = 42
) -> PipelineResult:
    """Build segments from two tables with the defaults, into a database that goes with the result.

    Parameters
    ----------
    events, id_history
        As in `run_pipeline`; both are invented when there are no events.
    n_clusters
        Number of segments; the method chooses it when left out.
    seed
        Seed of every random draw.

    Returns
    -------
    PipelineResult

    Raises
    ------
    SegmentationEngineError
        As in `run_pipeline`.

    Examples
    --------
    >>> result = quick_segmentation()  # doctest: +SKIP
    >>> print(result.summary())  # doctest: +SKIP
    """
    return run_pipeline(
        PipelineConfig(n_clusters=n_clusters, seed=seed), events=events, id_history=id_history
    )


def _as_file(table: Any, name: str, directory: Path) -> Path:
    if isinstance(table, str | Path):
        return _checked(Path(table), name.replace("_", " "))
    import pyarrow.parquet as pq

    from segmentry._frames import arrow_table

    ids = {"events": ["customer_id"], "id_history": ["old_id", "new_id"]}[name]
    path = directory / f"{name}.parquet"
    pq.write_table(arrow_table(table, ids=ids), path)
    return path


def _drop_views(database: Path) -> None:
    """Remove the views over files that are about to go."""
    import duckdb

    with duckdb.connect(str(database)) as connection:
        connection.execute("drop schema if exists segmentry_input cascade")


def _in_a_process(request: Mapping[str, Any], on_progress: Callable[[str], None]) -> dict[str, Any]:
    """Run `segmentry._worker` and return what it found; see there for what is said on the way."""
    with tempfile.TemporaryFile() as problems:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "segmentry._worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=problems,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            text=True,
            encoding="utf-8",
        )
        last: dict[str, Any] = {}
        with process:
            try:
                assert process.stdin
                assert process.stdout
                # A process that ends at once is told of below.
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.write(json.dumps(request, default=str))
                    process.stdin.close()
                for line in process.stdout:
                    last = json.loads(line)
                    if "progress" in last:
                        on_progress(last["progress"])
            except BaseException:
                # Whoever stops the caller stops the build.
                process.kill()
                raise
        if "error" in last:
            _raise_again(last)
        if "outcome" not in last:
            problems.seek(0)
            said = problems.read().decode("utf-8", "replace").strip().splitlines()[-5:]
            raise PipelineError(
                f"The process of the build ended without a result (exit code {process.returncode}"
                + (f"): {' | '.join(said)}" if said else "). A code of -9 often means that memory ran out.")
            )
        outcome: dict[str, Any] = last["outcome"]
        return outcome


def _raise_again(said: Mapping[str, str]) -> NoReturn:
    kind = getattr(exceptions, said["error"], PipelineError)
    raise kind(said["message"])
