"""The explanation step outside a build, on any warehouse: dbt's own adapter reads and writes.

The core is the same. On DuckDB and PostgreSQL the build does this by itself; elsewhere, and to ask again
for what failed, there is the command ``segmentry explain``.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from segmentry.exceptions import ConfigurationError, PipelineError
from segmentry.explain.ledger import TRY_COLUMNS, LedgerRow, PlannedText, explain, plan, tries_by_key
from segmentry.explain.prices import PRICE_COLUMNS, parse_prices
from segmentry.explain.settings import ExplanationLimits, ExplanationSettings
from segmentry.project import invoke, readable

__all__ = ["explain_segments", "plan_segments"]

_FACTS = "int_segmentry__segment_facts"


class _Warehouse:
    """A target of dbt's profile, with the vars of one run."""

    def __init__(self, work: Path, target: str | None, variables: Mapping[str, Any]) -> None:
        self._work = work
        self._options = ["--vars", json.dumps(dict(variables))] + (["--target", target] if target else [])
        self._manifest: Any = None
        self._manifest = self._dbt("parse")

    def _dbt(self, *arguments: str) -> Any:
        done = invoke(
            [*arguments, *self._options], work=self._work, values=dict(os.environ), manifest=self._manifest
        )
        if not done.success:
            failed = [node for node in getattr(done.result, "results", []) if node.message]
            problem = done.exception or (failed[0].message if failed else "dbt did not say why")
            raise PipelineError(f"dbt {arguments[0]} failed: {readable(problem)}")
        return done.result

    def rows(self, *selection: str) -> list[tuple[Any, ...]]:
        shown = self._dbt("show", *selection, "--limit", "-1").results[0]
        return [tuple(row) for row in shown.agate_table.rows]

    def select(self, sql: str) -> list[tuple[Any, ...]]:
        return self.rows("--inline", sql)

    def append(self, row: LedgerRow) -> None:
        values = {name: value if _is_plain(value) else str(value) for name, value in asdict(row).items()}
        self._dbt("run-operation", "append_explanation", "--args", _yaml({"row": values}))

    def publish(self) -> None:
        """Build what shows the texts, without the ledger, whose hook would ask again."""
        shown = ("int_segmentry__explanations_rendered+", "segmentry__llm_usage")
        self._dbt("run", "--select", _FACTS, *shown)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _yaml(value: Any) -> str:
    r"""Write JSON that YAML reads as the same text, whatever the characters.

    >>> _yaml("\N{SNOWMAN}\N{PILE OF POO}")
    '"\\u2603\\U0001f4a9"'
    """
    return re.sub(
        r"[^\x20-\x7e]",
        lambda match: f"\\U{ord(match[0]):08x}" if ord(match[0]) > 0xFFFF else f"\\u{ord(match[0]):04x}",
        json.dumps(value, ensure_ascii=False),
    )


class _Step:
    """What there is to do in a warehouse."""

    def __init__(self, warehouse: _Warehouse) -> None:
        ((request, limits),) = warehouse.select("{{ segmentry.select_explanation_settings() }}")
        self.settings = ExplanationSettings.parse(json.loads(request))
        self.limits = ExplanationLimits.parse(json.loads(limits))
        # Computed, not read: the table may be that of another provider.
        found = warehouse.rows("--select", _FACTS)
        self.facts = [(str(segment), str(facts), str(key)) for segment, facts, key in found]
        self.prices = parse_prices(
            warehouse.select(f"select {PRICE_COLUMNS} from {{{{ ref('stg_segmentry__model_prices') }}}}")
        )
        self.tries = tries_by_key(
            warehouse.select(f"select {TRY_COLUMNS} from {{{{ ref('int_segmentry__llm_ledger') }}}}")
        )
        if not self.facts:
            raise ConfigurationError(
                "There are no segments to explain: build the project on this target first."
            )


def plan_segments(
    *, target: str | None = None, variables: Mapping[str, Any] | None = None, only_failed: bool = False
) -> list[PlannedText]:
    """Say what `explain_segments` would do, without a call and without a change.

    Parameters
    ----------
    target : str, optional
        Target of dbt's profile; by default the profile's own.
    variables : mapping, optional
        Vars of the dbt project.
    only_failed : bool, default False
        See `segmentry.explain.explain`.

    Returns
    -------
    list of PlannedText
        One per segment.

    Raises
    ------
    PipelineError
        dbt could not read the target.
    ConfigurationError
        A setting can't be used, or nothing was built yet.
    """
    with tempfile.TemporaryDirectory() as work:
        step = _Step(_Warehouse(Path(work), target, variables or {}))
        return plan(step.facts, step.tries, step.settings, step.limits, step.prices, only_failed=only_failed)


def explain_segments(
    *,
    target: str | None = None,
    variables: Mapping[str, Any] | None = None,
    only_failed: bool = False,
    on_row: Callable[[LedgerRow], None] = lambda row: None,
) -> Sequence[LedgerRow]:
    """Write the explanations that are missing in a warehouse and publish them.

    Parameters
    ----------
    target, variables, only_failed
        As for `plan_segments`.
    on_row : callable, optional
        Called with each row once it is committed.

    Returns
    -------
    sequence of LedgerRow
        Rows appended to the ledger.

    Raises
    ------
    PipelineError
        dbt could not read or write the target.
    ConfigurationError
        A setting can't be used, or the server refuses the key or does not know the model.
    """
    written: list[LedgerRow] = []
    with tempfile.TemporaryDirectory() as work:
        warehouse = _Warehouse(Path(work), target, variables or {})
        step = _Step(warehouse)
        try:
            for row in explain(
                step.facts,
                step.tries,
                step.settings,
                str(uuid.uuid4()),
                limits=step.limits,
                prices=step.prices,
                only_failed=only_failed,
            ):
                warehouse.append(row)
                written.append(row)
                on_row(row)
        finally:
            if written:
                warehouse.publish()
    return written
