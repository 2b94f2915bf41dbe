"""Python models that run in the process of dbt, on engines without a place of their own for them."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from typing import Any

from dbt_common.exceptions import DbtRuntimeError

from segmentry.engines.progress import to_dbt
from segmentry.exceptions import SegmentationEngineError

__all__ = ["erasure_key", "run_model"]

MINIMUM_KEY = 16  # characters


def erasure_key() -> str:
    """Return the secret under which ids of erased customers are hashed; empty when none is set.

    Raises
    ------
    DbtRuntimeError
        It is too short to be a secret.

    Examples
    --------
    >>> import os
    >>> os.environ["SEGMENTRY_ERASURE_KEY"] = "sixteen letters."
    >>> erasure_key()
    'sixteen letters.'
    >>> del os.environ["SEGMENTRY_ERASURE_KEY"]
    """
    key = os.environ.get("SEGMENTRY_ERASURE_KEY", "")
    if 0 < len(key) < MINIMUM_KEY:
        raise DbtRuntimeError(
            f"SEGMENTRY_ERASURE_KEY has {len(key)} characters; a secret of {MINIMUM_KEY} or more is needed."
        )
    return key


def run_model(compiled_code: str, load: Callable[[str], Any], session: Any) -> Any:
    """Run what dbt made of a Python model and return what the model returns.

    Parameters
    ----------
    compiled_code
        The model with the functions that dbt writes below it.
    load
        Takes the full name of a relation; what it returns is what ``dbt.ref()`` gives to the model.
    session
        The model's second argument.

    Raises
    ------
    DbtRuntimeError
        The model failed: its own sentence where it has one, else the place as well.

    Examples
    --------
    >>> code = '''
    ... def model(dbt, session):
    ...     return dbt.ref("orders") * session
    ... class dbtObj:
    ...     def __init__(self, load): self.ref = load
    ... '''
    >>> run_model(code, len, 7)
    42
    """
    to_dbt()
    namespace: dict[str, Any] = {"__name__": "dbt_python_model"}
    try:
        exec(compile(compiled_code, "<python model>", "exec"), namespace)
        return namespace["model"](namespace["dbtObj"](load), session)
    except SegmentationEngineError as error:
        raise DbtRuntimeError(str(error)) from error
    except Exception as error:
        raise DbtRuntimeError("The Python model failed:\n" + traceback.format_exc()) from error
