"""Customer segments that you can defend.

Everything that is exported here works on frames and runs the SQL and the functions of the dbt project; there
is no second implementation. A name is imported when it is used first: the statistics libraries take seconds.

>>> import segmentry
>>> events, id_history = segmentry.generate_small_dataset(n_customers=20)
>>> merges = segmentry.resolve_customer_merges(id_history)
>>> len(segmentry.ProfileBuilder().build_profiles(events, merges))
20
"""

import ast
import importlib
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

# The exported names and their modules are listed once, where type checkers read them.
_STUB = ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
_HOME = {
    alias.name: statement.module
    for statement in _STUB.body
    if isinstance(statement, ast.ImportFrom) and statement.module
    for alias in statement.names
}

__all__ = sorted(["__version__", *_HOME])


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'segmentry' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
