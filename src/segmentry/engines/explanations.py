"""The explanation step in the process of dbt, on any engine: how to read and append is handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple, fields
from typing import Any

from segmentry.explain.ledger import FACT_COLUMNS, TRY_COLUMNS, LedgerRow, explain, tries_by_key
from segmentry.explain.prices import PRICE_COLUMNS, parse_prices
from segmentry.explain.settings import ExplanationLimits, ExplanationSettings

__all__ = ["write_explanations"]

Row = tuple[Any, ...]


def write_explanations(
    fetch: Callable[[str], list[Row]],
    append: Callable[[str, Row], object],
    ledger: str,
    config: Mapping[str, Any],
    *,
    mark: str = "?",
) -> int:
    """Append the explanations that are missing to the ledger, each committed as soon as it is there.

    Parameters
    ----------
    fetch
        Returns all rows of a query.
    append
        Runs a statement with values and commits it.
    ledger
        Quoted name of ``int_segmentry__llm_ledger``.
    config
        ``facts`` and ``prices`` (quoted names of ``int_segmentry__segment_facts`` and
        ``stg_segmentry__model_prices``), ``invocation_id``, ``request`` and ``limits`` (what the macros
        ``explanation_request`` and ``explanation_limits`` return).
    mark
        What stands for a value in a statement of the engine.

    Returns
    -------
    int
        Rows appended.

    Raises
    ------
    SegmentationEngineError
        See `segmentry.explain.explain`, `ExplanationSettings.parse`, `ExplanationLimits.parse` and
        `parse_prices`.
    """
    settings = ExplanationSettings.parse(config["request"])
    limits = ExplanationLimits.parse(config["limits"])
    facts = fetch(f"select {FACT_COLUMNS} from {config['facts']}")
    tries = tries_by_key(fetch(f"select {TRY_COLUMNS} from {ledger}"))
    prices = parse_prices(fetch(f"select {PRICE_COLUMNS} from {config['prices']}"))
    columns = [field.name for field in fields(LedgerRow)]
    statement = f"insert into {ledger} ({', '.join(columns)}) values ({', '.join(mark for _ in columns)})"
    count = 0
    for row in explain(facts, tries, settings, config["invocation_id"], limits=limits, prices=prices):
        append(statement, astuple(row))
        count += 1
    return count
