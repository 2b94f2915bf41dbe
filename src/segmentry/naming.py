"""Names that say what differs: from z-scores to "Big weekend spenders"."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import pandas as pd

from segmentry._frames import Schema, require_columns, typed_frame
from segmentry.exceptions import DataValidationError

__all__ = ["name_segments"]

DIFFERS = 0.3  # z from which a feature is worth a word
WORDS = 2  # features in a name, more only where two names would be the same

NAME_SCHEMA: Schema = {"cluster": "int64", "segment_name": "str", "name_basis": "str"}


class Phrase(NamedTuple):
    """What a high or low feature adds: an adjective, its place among adjectives, and perhaps a noun.

    A noun stands with or without its own adjective: "big spenders", but "bargain hunters".
    """

    adjective: str
    place: int
    noun: str = ""
    noun_alone: bool = False


# Places, as English orders them: 0 when they were here, 1 how much or how often, 2 in which way.
VOCABULARY: dict[tuple[str, bool], Phrase] = {
    ("recency_days", True): Phrase("lapsed", 0),
    ("recency_days", False): Phrase("recent", 0),
    ("days_since_seen", True): Phrase("lapsed", 0),
    ("days_since_seen", False): Phrase("recent", 0),
    ("tenure_days", True): Phrase("long-standing", 0),
    ("tenure_days", False): Phrase("new", 0),
    ("order_rate", True): Phrase("frequent", 1, "buyers"),
    ("order_rate", False): Phrase("occasional", 1, "buyers"),
    ("average_order_value", True): Phrase("big", 1, "spenders"),
    ("average_order_value", False): Phrase("small-basket", 1, "buyers"),
    ("visit_rate", True): Phrase("engaged", 1, "visitors"),
    ("visit_rate", False): Phrase("rarely seen", 1),
    ("pages_per_session", True): Phrase("thorough", 2, "browsers", noun_alone=True),
    ("pages_per_session", False): Phrase("quick", 2),
    ("discounted_order_share", True): Phrase("discount", 2, "bargain hunters", noun_alone=True),
    ("discounted_order_share", False): Phrase("full-price", 2, "buyers"),
    ("cart_abandonment_rate", True): Phrase("undecided", 2, "cart abandoners", noun_alone=True),
    ("cart_abandonment_rate", False): Phrase("decided", 2),
    ("refund_rate", True): Phrase("refund-prone", 2),
    ("refund_rate", False): Phrase("content", 2),
    ("weekend_share", True): Phrase("weekend", 3),
    ("weekend_share", False): Phrase("weekday", 3),
}
ACRONYMS = {"clv": "CLV", "roi": "ROI", "id": "ID"}


def name_segments(segment_features: pd.DataFrame) -> pd.DataFrame:
    """Name each segment after the features in which it differs most from all customers.

    Parameters
    ----------
    segment_features
        One row per cluster and feature with ``cluster``, ``feature`` and ``z``: the mean of the segment
        minus the mean of all customers, in standard deviations of all customers (NULL where there is
        none). Other columns are ignored.

    Returns
    -------
    pandas.DataFrame
        ``cluster``, ``segment_name`` (no two equal), ``name_basis``: the features that the words stand
        for, with their z. A segment that differs nowhere by .3 is "Typical customers"; a single one is
        "All customers".

    Raises
    ------
    DataValidationError
        When a column is missing, or a cluster has a feature twice.

    Examples
    --------
    >>> rows = [(1, "average_order_value", 1.6), (1, "weekend_share", 0.9), (2, "recency_days", 1.2),
    ...         (2, "discounted_order_share", 0.8), (2, "weekend_share", -0.1)]
    >>> name_segments(pd.DataFrame(rows, columns=["cluster", "feature", "z"]))["segment_name"].tolist()
    ['Big weekend spenders', 'Lapsed bargain hunters']
    """
    require_columns(segment_features, ["cluster", "feature", "z"], "The table of segment features")
    if segment_features.duplicated(["cluster", "feature"]).any():
        raise DataValidationError(
            "The table of segment features has a feature twice for one cluster; "
            "it must hold one row per cluster and feature."
        )
    differences = {
        int(str(cluster)): _differences(rows)
        for cluster, rows in segment_features.groupby("cluster", sort=True)
    }
    names = _unique_names(differences)
    return typed_frame(
        {
            "cluster": list(names),
            "segment_name": [name for name, _ in names.values()],
            "name_basis": [basis for _, basis in names.values()],
        },
        NAME_SCHEMA,
    )


def _differences(rows: pd.DataFrame) -> list[tuple[str, float]]:
    """Features that differ, the most telling first, ties by name."""
    pairs = [(str(feature), float(z)) for feature, z in zip(rows["feature"], rows["z"], strict=True)]
    telling = [(feature, z) for feature, z in pairs if abs(z) >= DIFFERS]
    return sorted(telling, key=lambda pair: (-round(abs(pair[1]), 6), pair[0]))


def _unique_names(differences: dict[int, list[tuple[str, float]]]) -> dict[int, tuple[str, str]]:
    """Names with as few words as keep them apart; a number where no word does."""
    if len(differences) == 1:
        return {cluster: ("All customers", "the only segment") for cluster in differences}
    depth = dict.fromkeys(differences, WORDS)
    while True:
        names = {cluster: _compose(told[: depth[cluster]]) for cluster, told in differences.items()}
        count = Counter(names.values())
        longer = [c for c, name in names.items() if count[name] > 1 and depth[c] < len(differences[c])]
        if not longer:
            break
        for cluster in longer:
            depth[cluster] += 1
    seen: Counter[str] = Counter()
    taken = set(names.values())
    for cluster, name in names.items():
        seen[name] += 1
        if seen[name] > 1:
            number = seen[name]
            while f"{name} {number}" in taken:
                number += 1
            names[cluster] = f"{name} {number}"
            taken.add(names[cluster])
    return {
        cluster: (names[cluster], _basis(told[: depth[cluster]])) for cluster, told in differences.items()
    }


def _compose(told: list[tuple[str, float]]) -> str:
    """Put adjectives in their places before one noun, and what has no word of its own behind it."""
    if not told:
        return "Typical customers"
    adjectives: list[Phrase] = []
    noun = ""
    rest: list[str] = []
    for feature, z in told:
        phrase = VOCABULARY.get((feature, z > 0))
        if phrase is None:
            unit = " ".join(ACRONYMS.get(word, word) for word in feature.replace("_", " ").split())
            rest.append(f"{'high' if z > 0 else 'low'} {unit}")
            continue
        takes_noun = not noun and bool(phrase.noun)
        if takes_noun:
            noun = phrase.noun
        if not (takes_noun and phrase.noun_alone):
            adjectives.append(phrase)
    words = [phrase.adjective for phrase in sorted(adjectives, key=lambda phrase: phrase.place)]
    name = " ".join([*words, noun or "customers"])
    if rest:
        name += " with " + (rest[0] if len(rest) == 1 else ", ".join(rest[:-1]) + " and " + rest[-1])
    return name[0].upper() + name[1:]


def _basis(told: list[tuple[str, float]]) -> str:
    if not told:
        return f"no feature differs by {DIFFERS} standard deviations"
    return "; ".join(f"{feature} {'high' if z > 0 else 'low'} (z {z:+.2f})" for feature, z in told)
