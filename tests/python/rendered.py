"""The SQL that dbt makes of the project for a warehouse that nobody can reach."""

from __future__ import annotations

import functools
import tempfile
from contextlib import ExitStack, nullcontext
from typing import Any
from unittest.mock import patch

from conftest import ROOT
from dbt.adapters.factory import FACTORY
from dbt.cli.main import dbtRunner

PROFILES = ROOT / "tests/python/warehouses"


@functools.cache
def rendered(target: str) -> dict[str, str]:
    """Return the statement of each SQL model and data test by name.

    dbt compiles as ever. Only what would ask the warehouse is answered here: there is nothing in it.
    """
    FACTORY.load_plugin(target)
    adapter: Any = FACTORY.get_adapter_class_by_name(target)
    answers = {
        "get_relation": lambda self, *_, **__: None,
        "get_columns_in_relation": lambda self, *_, **__: [],
        "connection_named": lambda self, *_, **__: nullcontext(),
        # Databricks: the version of the runtime is the newest.
        "has_capability": lambda self, *_, **__: True,
    }
    with ExitStack() as stack:
        work = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="segmentry_", ignore_cleanup_errors=True)
        )
        for name, answer in answers.items():
            if hasattr(adapter, name):
                stack.enter_context(patch.object(adapter, name, answer))
        done = dbtRunner().invoke(
            [
                *("--quiet", "--log-level", "none", "compile", "--no-populate-cache", "--no-introspect"),
                *("--target", target, "--project-dir", str(ROOT), "--profiles-dir", str(PROFILES)),
                *("--target-path", f"{work}/target", "--log-path", f"{work}/logs"),
            ]
        )
    if done.exception:
        raise done.exception
    assert done.success
    results: Any = done.result
    return {
        result.node.name: result.node.compiled_code
        for result in results.results
        if result.node.resource_type in ("model", "test") and result.node.language == "sql"
    }
