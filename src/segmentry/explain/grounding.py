"""A second, independent look at a finished text: every number in it must be a number of the facts.

It knows nothing of slots. It reads the numbers as a person would, unit included, and looks for a fact
of the same kind that rounds to them.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from segmentry.explain.language import ENGLISH, Language

__all__ = ["ungrounded_numbers"]


@functools.cache
def _number(language: Language) -> re.Pattern[str]:
    group, mark = re.escape(language.group_mark), re.escape(language.decimal_mark)
    return re.compile(
        rf"(?P<sign>-?)(?P<currency>[$€£¥]|[A-Z]{{3}}\u00a0)?(?P<digits>\d(?:[\d{group}]*\d)?)"
        rf"(?:{mark}(?P<decimals>\d+))?(?P<unit>%| {language.times}\b| {language.day_forms}\b)?"
    )


_NAMES = (
    "segment_name",
    "candidate",
    "feature",
    "label",
    "block",
    "trait",
    "channel",
    "weakest_test",
    "worst_block",
)


def _kind(key: str) -> str:
    """Kind of what a field of the facts holds, from its name."""
    if key in _NAMES:
        return "name"
    if key.endswith("_from"):
        return "plain"
    if key.endswith("_days"):
        return "days"
    if key == "lift":
        return "times"
    if key.startswith(("roi_", "uplift_", "break_even")) or key.endswith(("_share", "_risk", "gross_margin")):
        return "percent"
    if key.endswith(("clv", "clv_all", "_revenue", "_cost", "_amount", "order_value", "incentive")):
        return "money"
    return "plain"


def _leaves(document: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Kind and value of every leaf."""
    if isinstance(document, Mapping):
        unit = document.get("unit")
        of_unit = {"currency": "money", "share": "percent", "days": "days"}.get(str(unit), "plain")
        for name, value in document.items():
            if unit is not None and name in ("mean", "population_mean"):
                yield of_unit, value
            else:
                yield from _leaves(value, name)
    elif isinstance(document, list | tuple):
        for value in document:
            yield from _leaves(value, key)
    else:
        yield _kind(key), document


def ungrounded_numbers(text: str, facts: Mapping[str, Any], language: Language = ENGLISH) -> list[str]:
    """Numbers of a text that no fact of the same kind rounds to.

    A number with a currency must be an amount, one with ``%`` a share or a rate, one with
    ``times`` a lift, one with ``days`` a duration, any other a count or a score. Digits inside names of
    the facts are names.

    Parameters
    ----------
    text : str
        A finished text, without slots.
    facts : mapping
        The facts as parsed JSON.
    language : Language, default ENGLISH
        How numbers are written.

    Returns
    -------
    list of str
        The offending numbers as they stand in the text, in order.

    Examples
    --------
    >>> ungrounded_numbers("41% of 1,234 customers, €56 each", {"clv_share": 0.412, "customer_count": 1234})
    ['€56']
    """
    names = sorted(
        {
            spelling
            for kind, value in _leaves(facts)
            if kind == "name" and value and any(unicodedata.category(char).startswith("N") for char in value)
            for spelling in (value, value.replace("_", " "), value[:1].lower() + value[1:])
        },
        key=lambda name: (-len(name), name),
    )
    for name in names:
        text = re.sub(rf"(?<![\d.,]){re.escape(name)}(?![.,]?\d)", " ", text)
    numbers = [(kind, float(value)) for kind, value in _leaves(facts) if _is_number(value)]
    units = {"%": "percent", language.times: "times"}
    # Fractions and Roman or circled numerals are numbers that the pattern does not read.
    found = [char for char in text if unicodedata.category(char) in ("Nl", "No")]
    for match in _number(language).finditer(text):
        decimals = match["decimals"] or ""
        shown = float(f"{match['sign']}{match['digits'].replace(language.group_mark, '')}.{decimals or '0'}")
        unit = (match["unit"] or "").strip()
        kind = "money" if match["currency"] else units.get(unit, "days" if unit else "plain")
        scale = 100.0 if kind == "percent" else 1.0
        # Half a unit of the last digit shown; the rest is what floats need.
        tolerance = 0.5 * 10.0 ** -len(decimals) * (1 + 1e-9) + 1e-9
        if not any(of == kind and abs(value * scale - shown) <= tolerance for of, value in numbers):
            found.append(match.group(0).strip())
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
