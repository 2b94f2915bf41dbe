"""What a pipeline found: objects for reading, a frame of every mart, and the file behind them."""

from __future__ import annotations

import json
import shutil
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from segmentry.exceptions import DataValidationError
from segmentry.generation import SCHEMA, attached, qualified
from segmentry.records import (
    ActionabilityEvaluation,
    RobustnessScore,
    RobustnessTest,
    RuleCheck,
    Segment,
    SegmentExplanation,
    SegmentViability,
    load_segments,
)

if TYPE_CHECKING:
    import pandas as pd

    from segmentry.report import SegmentationReport
    from segmentry.report.schema import SegmentSummary

__all__ = ["Marts", "PipelineResult"]


class Marts(Mapping[str, "pd.DataFrame"]):
    """The marts of a finished build by name, each read when it is asked for.

    Parameters
    ----------
    database
        DuckDB file of the build. It is open only while a table is read.

    Examples
    --------
    >>> marts = Marts("warehouse.duckdb")  # doctest: +SKIP
    >>> marts["segments"][["segment_name", "customer_count"]]  # doctest: +SKIP
    """

    def __init__(self, database: Path | str) -> None:
        self._database = str(database)

    def _read(self, read: Callable[[Any], Any]) -> Any:
        import duckdb

        try:
            with attached(self._database) as connection:
                return read(connection)
        except duckdb.Error as error:
            raise DataValidationError(
                f"{self._database} can't be read: {str(error).splitlines()[0]} A file that goes with a "
                "result is removed with it; read before, or name a database in PipelineConfig."
            ) from error

    @cached_property
    def _names(self) -> list[str]:
        query = "select table_name from duckdb_tables() where schema_name = ? and not internal"
        names: list[str] = self._read(
            lambda connection: [name for (name,) in connection.execute(query, [SCHEMA]).fetchall()]
        )
        return sorted(names)

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Read a table; money and other decimals as float64, exact in the file."""
        if name not in self:
            raise KeyError(f"There is no table {name!r}. There are: {', '.join(self)}.")
        query = f"select * from {qualified('warehouse', SCHEMA, name)} order by all"
        frame: pd.DataFrame = self._read(lambda connection: connection.execute(query).df())
        return frame

    def __contains__(self, name: object) -> bool:
        """Say whether there is such a table; unlike that of a mapping, this does not read it."""
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class PipelineResult:
    """What a pipeline found; made by `run_pipeline` and `quick_segmentation`, or from a file by `load`.

    Attributes
    ----------
    database : pathlib.Path
        DuckDB file with everything.
    status, status_reason : str
        ``ok``, ``single_segment`` or ``insufficient_data``, and why.
    segments : list of Segment
        By id.
    robustness : dict of str to RobustnessScore
        By segment id, as the following ones.
    validation : dict of str to tuple of RuleCheck
    viability : dict of str to SegmentViability
    actionability : dict of str to ActionabilityEvaluation
    explanations : dict of str to SegmentExplanation
    report : SegmentationReport
        What the report is made of.
    tables : Marts
        A frame of every mart, read when it is asked for: ``result.tables["segment_features"]``.
    timings : dict of str to float
        Seconds by stage: ``input``, each layer (sum over its models), ``build``, ``report``, ``total``.
    warnings : list of str
        Names of the data tests that found something worth knowing.

    Examples
    --------
    >>> result = PipelineResult.load("warehouse.duckdb")  # doctest: +SKIP
    >>> [segment.name for segment in result.production_ready_segments]  # doctest: +SKIP
    """

    def __init__(
        self,
        database: Path,
        report: SegmentationReport,
        segments: Sequence[Segment],
        tables: Marts,
        timings: Mapping[str, float],
        warnings: Sequence[str],
    ) -> None:
        from segmentry.explain.doors import ActionabilityFilter

        # Removes what goes with the result; nothing where the file is the caller's.
        self._remove: Callable[[], Any] = lambda: None
        self.database = database
        self.report = report
        self.status: str = report.run.status
        self.status_reason = report.run.status_reason
        self.segments = list(segments)
        self.tables = tables
        self.timings = dict(timings)
        self.warnings = list(warnings)
        details = {segment.segment_id: segment for segment in report.segments}
        ids = [segment.segment_id for segment in self.segments]
        self.robustness = {
            name: _robustness(details[name], rows)
            for name, rows in _grouped(tables["segment_robustness"], ids).items()
        }
        self.validation = {
            name: tuple(RuleCheck(**row) for row in rows)
            for name, rows in _grouped(tables["segment_validation"], ids).items()
        }
        self.viability = {
            name: SegmentViability(segment_id=name, **row)
            for name, rows in _grouped(tables["segment_viability"], ids).items()
            for row in rows
        }
        evaluate = ActionabilityFilter().evaluate
        self.actionability: dict[str, ActionabilityEvaluation] = {
            segment.segment_id: evaluate(segment) for segment in self.segments
        }
        self.explanations = {
            name: _explanation(details[name], row)
            for name, rows in _grouped(tables["segment_explanations"], ids).items()
            for row in rows
        }

    @classmethod
    def load(
        cls,
        database: Path | str,
        *,
        timings: Mapping[str, float] | None = None,
        warnings: Sequence[str] = (),
        temporary: Path | None = None,
    ) -> Self:
        """Read the result of a finished build.

        Parameters
        ----------
        database
            DuckDB file that dbt or `run_pipeline` built.
        timings, warnings
            See the attributes.
        temporary
            A directory that is removed with the result.

        Raises
        ------
        DataValidationError, ReportGenerationError
            The file is missing or holds no finished build.
        """
        from segmentry.report import load_report

        segments = load_segments(database)
        result = cls(
            Path(database), load_report(database), segments, Marts(database), timings or {}, warnings
        )
        if temporary is not None:
            result._remove = weakref.finalize(result, shutil.rmtree, temporary, ignore_errors=True)
        return result

    def close(self) -> None:
        """Remove the database if it goes with the result; one that was named in the configuration stays."""
        self._remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        customers = self.report.totals.customer_count
        return f"PipelineResult({self.status}, {customers:,} customers, {len(self.segments)} segments)"

    @cached_property
    def profiles(self) -> pd.DataFrame:
        """One row per customer: the mart ``customers``, read when it is asked for."""
        return self.tables["customers"]

    def _segments_that(self, verdict: str) -> list[Segment]:
        chosen = {segment.segment_id for segment in self.report.segments if getattr(segment, verdict)}
        return [segment for segment in self.segments if segment.segment_id in chosen]

    @property
    def valid_segments(self) -> list[Segment]:
        """Segments that pass every rule of severity error."""
        return self._segments_that("is_valid")

    @property
    def actionable_segments(self) -> list[Segment]:
        """Segments that differ enough from the rest in at least one question to act on."""
        return self._segments_that("is_actionable")

    @property
    def production_ready_segments(self) -> list[Segment]:
        """Segments that are valid and actionable and whose deciding tests could all run."""
        return self._segments_that("is_production_ready")

    def get_segment_details(self, segment_id: str) -> SegmentSummary:
        """Give everything that is known about a segment.

        Parameters
        ----------
        segment_id
            Such as ``S1``.

        Returns
        -------
        SegmentSummary
            Features, robustness, checks, actions, viability and explanation; see `segmentry.report.schema`.

        Raises
        ------
        DataValidationError
            There is no such segment.
        """
        for segment in self.report.segments:
            if segment.segment_id == segment_id:
                return segment
        known = ", ".join(segment.segment_id for segment in self.segments) or "none"
        raise DataValidationError(f"There is no segment {segment_id!r}. There are: {known}.")

    def summary(self) -> str:
        """Say what was found in a few lines: the report's first sentences and a line for each segment."""
        from segmentry.report.wording import score

        lines = [self.report.headline, self.report.summary]
        lines += [f"{notice.title}: {notice.text}" for notice in self.report.notices]
        for segment in self.report.segments:
            trust = "no deciding test ran"
            if segment.overall_robustness is not None:
                trust = f"robustness {score(segment.overall_robustness)} ({segment.verdict})"
            ready = "passes every check" if segment.is_production_ready else "does not pass every check"
            size = f"{segment.customer_count:,} customers"
            lines.append(f"{segment.segment_id} {segment.segment_name}: {size}, {trust}, {ready}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Give status, timings, warnings and the report as plain values that `json.dumps` takes."""
        from segmentry.report import report_to_json

        return {
            "status": self.status,
            "status_reason": self.status_reason,
            "timings": dict(self.timings),
            "warnings": list(self.warnings),
            "report": json.loads(report_to_json(self.report)),
        }


def _grouped(frame: pd.DataFrame, ids: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Rows by segment id, NULL as None, without the columns that all tables share."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ids}
    plain = frame.drop(columns=["segment_name", "run_id"]).astype(object)
    for row in plain.where(plain.notna(), None).to_dict("records"):
        rows[row.pop("segment_id")].append({str(name): value for name, value in row.items()})
    return rows


def _robustness(segment: SegmentSummary, rows: list[dict[str, Any]]) -> RobustnessScore:
    return RobustnessScore.model_validate(
        {
            "segment_id": segment.segment_id,
            "overall_robustness": segment.overall_robustness,
            "weakest_test": segment.weakest_test,
            "verdict": segment.verdict,
            "confidence_level": segment.confidence_level,
            "tests": tuple(RobustnessTest(**row) for row in rows),
        }
    )


def _explanation(segment: SegmentSummary, row: Mapping[str, Any]) -> SegmentExplanation:
    told = {action.dimension: action.recommendation for action in segment.actions}
    found = {"segment_id": segment.segment_id, **row, **told}
    return SegmentExplanation.model_validate(
        {name: found[name] for name in SegmentExplanation.model_fields if name in found}
    )
