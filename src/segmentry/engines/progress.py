"""What long Python models say while they run, by `logging`, and by dbt's logger where dbt runs them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

__all__ = ["announced", "to_dbt"]

Item = TypeVar("Item")
LOGGER = logging.getLogger("segmentry.progress")
INTERVAL_SECONDS = 5.0


def announced(items: Sequence[Item], label: str) -> Iterator[Item]:
    """Go through some items and say every few seconds how many are done.

    Examples
    --------
    >>> list(announced([1, 2], "bootstrap"))
    [1, 2]
    """
    said = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if time.monotonic() - said >= INTERVAL_SECONDS:
            LOGGER.info("%s: %d of %d done", label, done, len(items))
            said = time.monotonic()


class _ToDbt(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        from dbt.adapters.events.logging import AdapterLogger

        AdapterLogger("Segmentry").info(record.getMessage())


def to_dbt() -> None:
    """Hand what is said to dbt, which knows the time, its log, ``--quiet`` and ``--log-format``."""
    if not any(isinstance(handler, _ToDbt) for handler in LOGGER.handlers):
        LOGGER.addHandler(_ToDbt())
        LOGGER.setLevel(logging.INFO)
        LOGGER.propagate = False
