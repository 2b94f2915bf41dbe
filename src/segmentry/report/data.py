"""Read the marts of a finished warehouse into the report's model. Reads only; the file is never changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
from pydantic import BaseModel, ValidationError

from segmentry.exceptions import PipelineError, ReportGenerationError
from segmentry.generation import SCHEMA, one_generation, qualified
from segmentry.report import wording
from segmentry.report.schema import (
    Action,
    ClusterChoice,
    CustomerTotals,
    DataQuality,
    Explanation,
    FeatureComparison,
    MethodFit,
    Migration,
    PreviousRun,
    ReasonCount,
    RobustnessTest,
    RuleCheck,
    RunSummary,
    SegmentationReport,
    SegmentSummary,
    Viability,
)

__all__ = ["Database", "load_report"]

Database: TypeAlias = Path | str | duckdb.DuckDBPyConnection
_Row: TypeAlias = dict[str, Any]

_TABLES = (
    "customers",
    "segments",
    "segment_features",
    "segment_robustness",
    "segment_validation",
    "segment_viability",
    "segment_actionability",
    "segment_explanations",
    "cluster_selection",
    "clv_fit",
    "segmentation_runs",
    "segment_history",
    "segment_migrations",
    "rejected_events",
    "customer_merge_map",
    "id_merge_conflicts",
    "id_merge_cycles",
    "id_merge_rejects",
)
# The order in which the four questions are asked, on the page and in report.json.
_DIMENSIONS = ("what", "when", "how", "who")
_TESTS = ("bootstrap", "feature_drop", "time_structure", "time_migration", "seed")


def load_report(database: Database) -> SegmentationReport:
    """Read everything that the report shows from a finished warehouse.

    Parameters
    ----------
    database : Path, str or duckdb connection
        DuckDB file with the schema `segmentry`, opened read-only, or an open connection to one.

    Returns
    -------
    SegmentationReport
        Segments by total value, highest first; everything in a fixed order.

    Raises
    ------
    ReportGenerationError
        If the file or a table is missing, no run is recorded, the tables belong to different runs, or a value
        breaks the contract of the marts.

    Examples
    --------
    >>> report = load_report("warehouse.duckdb")  # doctest: +SKIP
    >>> report.headline  # doctest: +SKIP
    '15% of customers hold 71% of the expected value'
    """
    with _opened(database) as warehouse:
        warehouse.require_one_generation()
        try:
            return _read(warehouse)
        except (ValidationError, KeyError, duckdb.Error) as error:
            raise ReportGenerationError(
                f"The warehouse holds something that the report can't show: {_found(error)}. The marts must "
                "follow their contract (models/marts/_marts.yml); build them again with `dbt build`."
            ) from error


def _found(error: ValidationError | KeyError | duckdb.Error) -> str:
    """Say what broke the contract, in one line and without the values."""
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False)[0]
        return f"{'.'.join([error.title, *(str(part) for part in first['loc'])])}: {first['msg']}"
    if isinstance(error, KeyError):
        return f"the column {error.args[0]} is missing"
    return str(error).splitlines()[0]


class _Warehouse:
    """The marts behind one connection, rows as dictionaries."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        found = connection.execute("select current_database()").fetchone()
        self._catalog = str(found[0] if found else "")
        self._prefix = qualified(self._catalog, SCHEMA)

    def rows(
        self, select: str, table: str, rest: str = "", parameters: list[Any] | None = None
    ) -> list[_Row]:
        """Rows of `select .. from table ..`."""
        found = self._connection.execute(
            f"select {select} from {self._prefix}.{table} {rest}", parameters or []
        )
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def counted(self, table: str) -> tuple[ReasonCount, ...]:
        """Rows of a table of rejects by reason, the most frequent first."""
        rows = self.rows("reason, count(*) as count", table, "group by reason order by count desc, reason")
        return tuple(ReasonCount(**row) for row in rows)

    def number(self, select: str, table: str, rest: str = "") -> int:
        """One whole number."""
        return int(self.rows(f"{select} as number", table, rest)[0]["number"])

    def require_one_generation(self) -> None:
        """Stop unless all tables are there, a run is recorded and no table belongs to another one."""
        existing = self._connection.execute(
            "select table_name from information_schema.tables "
            "where table_catalog = current_database() and table_schema = ?",
            [SCHEMA],
        ).fetchall()
        missing = sorted(set(_TABLES) - {row[0] for row in existing})
        if missing:
            raise ReportGenerationError(
                f"The report needs {len(_TABLES)} tables in schema `{SCHEMA}`; "
                f"{len(missing)} are missing: {', '.join(missing)}. Run `dbt build` to the end first."
            )
        try:
            one_generation(self._connection, self._catalog)
        except PipelineError as error:
            raise ReportGenerationError(str(error)) from error


@contextmanager
def _opened(database: Database) -> Iterator[_Warehouse]:
    if isinstance(database, duckdb.DuckDBPyConnection):
        yield _Warehouse(database)
        return
    path = Path(database)
    if not path.is_file():
        raise ReportGenerationError(
            f"There is no warehouse at {path}. Build one with `dbt build`, or name the file that holds it."
        )
    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise ReportGenerationError(
            f"{path} can't be opened for reading: {str(error).splitlines()[0]} "
            "Wait until the build that writes it has ended, or name another file."
        ) from error
    try:
        yield _Warehouse(connection)
    finally:
        connection.close()


def _read(warehouse: _Warehouse) -> SegmentationReport:
    run_row = warehouse.rows("*", "segmentation_runs", "order by recorded_at desc, run_id limit 1")[0]
    run = RunSummary(**_only(run_row, RunSummary))
    migrations = _migrations(warehouse, run.run_id)
    previous_run = _previous_run(warehouse, run.run_id)
    segments = _segments(warehouse, run.run_id, previous_run)
    totals = _totals(warehouse, segments, previous_run)
    quality = _data_quality(warehouse, run_row)
    return SegmentationReport(
        headline=wording.headline(run, segments),
        summary=wording.summary(run, previous_run, totals, segments, migrations),
        notices=wording.notices(run, segments, totals, quality),
        run=run,
        previous_run=previous_run,
        totals=totals,
        segments=segments,
        migrations=migrations,
        cluster_selection=tuple(
            ClusterChoice(**_only(row, ClusterChoice))
            for row in warehouse.rows("*", "cluster_selection", "order by k")
        ),
        clv_fit=tuple(
            MethodFit(**_only(row, MethodFit)) for row in warehouse.rows("*", "clv_fit", "order by method")
        ),
        data_quality=quality,
    )


def _only(row: _Row, model: type[BaseModel]) -> _Row:
    """Keep the columns of a row that a model has fields for."""
    return {name: value for name, value in row.items() if name in model.model_fields}


def _all(rows: list[_Row], model: type[BaseModel]) -> tuple[_Row, ...]:
    return tuple(_only(row, model) for row in rows)


def _previous_run(warehouse: _Warehouse, run_id: str) -> PreviousRun | None:
    """Find the run that migrations come from; its own row may have been pruned from segmentation_runs."""
    origins = warehouse.rows(
        "distinct from_run_id as run_id",
        "segment_migrations",
        "where to_run_id = ? order by run_id limit 1",
        [run_id],
    )
    if not origins:
        return None
    known = warehouse.rows(
        "run_id, as_of, observation_end_date", "segmentation_runs", "where run_id = ?", [origins[0]["run_id"]]
    )
    return PreviousRun(**(known[0] if known else origins[0] | {"as_of": None, "observation_end_date": None}))


def _segments(
    warehouse: _Warehouse, run_id: str, previous_run: PreviousRun | None
) -> tuple[SegmentSummary, ...]:
    def parts(table: str, order: str) -> dict[str, list[_Row]]:
        found: dict[str, list[_Row]] = defaultdict(list)
        for row in warehouse.rows("*", table, f"order by segment_id, {order}"):
            found[row["segment_id"]].append(row)
        return found

    features = parts("segment_features", "feature")
    tests = parts("segment_robustness", "test, variant")
    checks = parts("segment_validation", "rule")
    actions = parts("segment_actionability", "dimension")
    viability = parts("segment_viability", "segment_id")
    explanations = parts("segment_explanations", "segment_id")
    history = _history(warehouse, run_id)
    before = _history(warehouse, previous_run.run_id) if previous_run else {}
    segments = []
    for row in warehouse.rows("*", "segments", "order by total_clv desc, segment_id"):
        segment_id = row["segment_id"]
        now = history.get(segment_id, {})
        segments.append(
            SegmentSummary.model_validate(
                _only(row, SegmentSummary)
                | {
                    "defining_traits": _split(row["defining_traits"], ","),
                    "previous_customer_count": before.get(segment_id, {}).get("customer_count"),
                    "matched_by": now.get("matched_by"),
                    "match_score": now.get("match_score"),
                    "split_from": now.get("split_from"),
                    "features": _all(features[segment_id], FeatureComparison),
                    "robustness": _all(sorted(tests[segment_id], key=_test_order), RobustnessTest),
                    "checks": _all(checks[segment_id], RuleCheck),
                    "actions": _all(sorted(actions[segment_id], key=_dimension_order), Action),
                    "viability": next(
                        (
                            _only(found, Viability)
                            | {"rejection_reasons": _split(found["rejection_reasons"], ";")}
                            for found in viability[segment_id]
                        ),
                        None,
                    ),
                    "explanation": next(iter(_all(explanations[segment_id], Explanation)), None),
                }
            )
        )
    return tuple(segments)


def _split(text: str, separator: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(separator) if part.strip())


def _test_order(row: _Row) -> tuple[int, str, str]:
    place = _TESTS.index(row["test"]) if row["test"] in _TESTS else len(_TESTS)
    return (place, row["test"], row["variant"])


def _dimension_order(row: _Row) -> tuple[int, str]:
    place = _DIMENSIONS.index(row["dimension"]) if row["dimension"] in _DIMENSIONS else len(_DIMENSIONS)
    return (place, row["dimension"])


def _history(warehouse: _Warehouse, run_id: str) -> dict[str, _Row]:
    columns = "segment_id, segment_name, customer_count, matched_by, match_score, split_from"
    rows = warehouse.rows(columns, "segment_history", "where run_id = ? order by segment_id", [run_id])
    return {row["segment_id"]: row for row in rows}


def _migrations(warehouse: _Warehouse, run_id: str) -> tuple[Migration, ...]:
    rows = warehouse.rows(
        "*", "segment_migrations", "where to_run_id = ? order by from_segment_id, to_segment_id", [run_id]
    )
    if not rows:
        return ()
    before = _history(warehouse, rows[0]["from_run_id"])
    now = {row["segment_id"]: row for row in warehouse.rows("segment_id, segment_name", "segments")}

    def name(known: dict[str, _Row], segment_id: str, label: str) -> str:
        return str(known[segment_id]["segment_name"]) if segment_id in known else label

    return tuple(
        Migration.model_validate(
            _only(row, Migration)
            | {
                "from_segment_name": name(before, row["from_segment_id"], row["from_label"]),
                "to_segment_name": name(now, row["to_segment_id"], row["to_label"]),
            }
        )
        for row in rows
    )


def _totals(
    warehouse: _Warehouse, segments: tuple[SegmentSummary, ...], previous_run: PreviousRun | None
) -> CustomerTotals:
    sums = warehouse.rows(
        "count(*) as customer_count, "
        "count(segment_id) as segmented_count, "
        "coalesce(sum(case when order_count > 0 then 1 else 0 end), 0) as buyer_count, "
        "coalesce(sum(net_revenue), 0) as net_revenue, "
        "coalesce(sum(clv), 0) as total_clv, "
        "coalesce(sum(case when is_boundary then 1 else 0 end), 0) as boundary_count, "
        "coalesce(sum(case when segment_id is not null and previous_segment_id is null then 1 else 0 end), "
        "0) as new_customer_count",
        "customers",
    )[0]
    if previous_run is None:
        sums["new_customer_count"] = None
    at_stake = [segment.viability.value_at_stake_amount for segment in segments if segment.viability]
    methods = warehouse.rows("distinct clv_method", "customers", "order by clv_method")
    return CustomerTotals(
        **sums,
        # The sum of rounded amounts by segment: a sum of products of doubles would differ from run to run.
        value_at_stake_amount=sum(at_stake[1:], at_stake[0]) if at_stake else None,
        clv_methods=tuple(row["clv_method"] for row in methods),
    )


def _data_quality(warehouse: _Warehouse, run: _Row) -> DataQuality:
    return DataQuality(
        **_only(run, DataQuality),
        rejected_events=warehouse.counted("rejected_events"),
        rejected_merges=warehouse.counted("id_merge_rejects"),
        merged_id_count=warehouse.number("count(*)", "customer_merge_map", "where id <> customer_id"),
        merge_conflict_count=warehouse.number("count(*)", "id_merge_conflicts"),
        merge_cycle_count=warehouse.number("count(distinct cycle_id)", "id_merge_cycles"),
    )
