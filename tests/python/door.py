"""The command as a user runs it, and what is in its result."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

SEGMENTRY = Path(sys.executable).with_name("segmentry")
# Times of the build itself: the only columns that may differ when the same input is built again.
TIMES = {"recorded_at", "generated_at"}


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command from a directory that is not the project's."""
    words = [str(SEGMENTRY), "run", *map(str, arguments)]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)


def log_messages(text: str) -> list[dict[str, Any]]:
    """Lines of a log, each of them JSON with the same three fields."""
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        assert set(line) == {"time", "level", "message"}
        assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)
    return lines


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.sql(query).fetchall()


def contents(database: Path, skip: Iterable[str] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """All marts as sorted rows, without the times of the build."""
    with duckdb.connect(str(database), read_only=True) as connection:
        columns = connection.sql(
            "select table_name, column_name from information_schema.columns where table_schema = 'segmentry'"
        ).fetchall()
        tables: dict[str, list[str]] = {}
        for table, column in columns:
            if column not in TIMES:
                tables.setdefault(table, []).append(column)
        return {
            table: connection.sql(f"select {', '.join(names)} from segmentry.{table} order by all").fetchall()
            for table, names in tables.items()
            if table not in skip
        }
