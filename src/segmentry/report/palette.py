"""Colours of segments, shared by page and charts.

Chosen by search in OKLab: among the first eight, any two stay at least 0.10 apart in normal, deuteranopic and
protanopic vision (all twelve: 0.05), and each has a contrast of at least 3:1 against the page. Colour is
never the only sign: every mark carries the segment's id or name as well.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["DARK", "LIGHT", "colour_places", "text_on"]

LIGHT = (
    "#3a6ed6", "#a43f08", "#589e81", "#791d88", "#ad7a00", "#4793d0",
    "#3b3c45", "#ab3f70", "#628e52", "#2b1766", "#b97cad", "#563412",
)  # fmt: skip
DARK = (
    "#689df3", "#f98f38", "#82ccb8", "#9c589b", "#ffd965", "#b6e6ff",
    "#999bb0", "#dd5568", "#97d084", "#6770be", "#fab2dc", "#986936",
)  # fmt: skip
_INK, _PAPER = "#14161b", "#ffffff"


def colour_places(segment_ids: Iterable[str]) -> dict[str, int]:
    """Place in the palette of each segment, by the number in its id, not by rank.

    Ids stay with the same people from run to run, so colours do too.

    Examples
    --------
    >>> colour_places(["S10", "S2", "S1"])
    {'S1': 0, 'S2': 1, 'S10': 2}
    """
    ordered = sorted(set(segment_ids), key=_id_order)
    return {segment_id: place % len(LIGHT) for place, segment_id in enumerate(ordered)}


def text_on(colour: str) -> str:
    """Black or white, whichever is easier to read on a colour; one of them always reaches 4.5:1."""
    return max((_INK, _PAPER), key=lambda text: contrast(text, colour))


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.1, section 1.4.3)."""
    brighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _id_order(segment_id: str) -> tuple[int, str]:
    digits = "".join(character for character in segment_id if character in "0123456789")
    return (int(digits) if digits else 0, segment_id)


def _luminance(colour: str) -> float:
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
