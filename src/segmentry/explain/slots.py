"""Numbers and names as slots: what a text may contain, and how each value is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from segmentry.explain.facts import DIMENSIONS, SegmentFacts
from segmentry.explain.language import ENGLISH, Language

__all__ = ["CONFIDENCE_SLOTS", "RETURN_SLOTS", "SLOT", "render", "slot_values"]

SLOT = re.compile(r"\{\{\s*([a-z][a-z0-9_]*)\s*\}\}")
"""A slot: ``{{average_clv}}``."""

RETURN_SLOTS = frozenset(
    {
        *("reachable_count", "contacts", "contact_cost", "fixed_cost", "incentive", "gross_margin"),
        *("uplift_low", "uplift_base", "uplift_high", "conversions_base", "cost", "margin"),
        *("roi_low", "roi_base", "roi_high", "break_even_uplift"),
    }
)
CONFIDENCE_SLOTS = frozenset(
    {
        *("confidence_level", "overall_robustness", "weakest_test", "worst_block", "worst_block_score"),
        *("medium_from", "high_from"),
    }
)

_SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥"}


def _rounded(value: float, decimals: int) -> str:
    """Round half up as SQL does, with thousands separators and without a negative zero."""
    number = Decimal(repr(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return f"{abs(number) if number == 0 else number:,}"


def _short(value: float) -> str:
    """At least two significant digits, no trailing zeros: 412, 41, 4.1, 0.41, 0.041."""
    size = abs(value)
    decimals = 0 if size >= 10 else 1 if size >= 1 else 2 if size >= 0.1 else 3
    text = _rounded(value, decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True)
class _Value:
    """A slot before it is written: the number or name, the phrase of its meaning, and whose it is."""

    text: str | None
    phrase: str | None = None
    name: str = ""


class _Writer:
    """Writes numbers in a language and a currency; None stays None."""

    def __init__(self, language: Language, currency: str) -> None:
        self.language = language
        self.currency = currency

    def count(self, value: float | None) -> str | None:
        return None if value is None else self.language.number(_rounded(value, 0))

    def plain(self, value: float | None) -> str | None:
        return None if value is None else self.language.number(_short(value))

    def percent(self, value: float | None) -> str | None:
        if value is None:
            return None
        percent = value * 100
        # Almost everybody is not everybody.
        text = _rounded(percent, 1) if 99 <= abs(percent) < 100 else _short(percent)
        return f"{self.language.number(text)}%"

    def days(self, value: float) -> str:
        text = _short(value)
        return f"{self.language.number(text)} {self.language.day if text == '1' else self.language.days}"

    def times(self, value: float | None) -> str | None:
        return None if value is None else f"{self.plain(value)} {self.language.times}"

    def money(self, value: float | None) -> str | None:
        if value is None:
            return None
        symbol = _SYMBOLS.get(self.currency, f"{self.currency}\N{NO-BREAK SPACE}")
        text = _rounded(abs(value), 0 if abs(value) >= 100 or value == 0 else 2)
        return f"{'-' if value < 0 and text.strip('0.') else ''}{symbol}{self.language.number(text)}"

    def score(self, value: float | None, *cuts: float) -> str | None:
        """Two decimals, more when two would put the score on the wrong side of a cut."""
        if value is None:
            return None
        for decimals in (2, 3):
            text = _rounded(value, decimals)
            if all((float(text) >= cut) == (value >= cut) for cut in cuts):
                return self.language.number(text)
        return self.language.number(_rounded(value, 4))

    def in_unit(self, value: float, unit: str) -> str | None:
        if unit == "currency":
            return self.money(value)
        if unit == "share":
            return self.percent(value)
        return self.days(value) if unit == "days" else self.plain(value)

    def label(self, label: str) -> str:
        """Lower the first letter of a label, except of an abbreviation and where the language keeps it."""
        if not self.language.lowers_labels or label[1:2].isupper():
            return label
        return label[:1].lower() + label[1:]


def slot_values(
    facts: SegmentFacts, language: Language = ENGLISH, *, with_meaning: bool = False
) -> dict[str, str]:
    """Every slot that a text about this segment may use, with the text that replaces it.

    A fact that is unknown has no slot, so a text that mentions it is rejected instead of showing a blank.

    Parameters
    ----------
    facts : SegmentFacts
        Facts of one segment.
    language : Language, default ENGLISH
        How numbers are written.
    with_meaning : bool, default False
        Whether each number comes with what it means. Templates put meaning around a number themselves; a
        model is not trusted to, so what it writes can't show the right number as another fact.

    Returns
    -------
    dict of str to str
        Name of the slot to its final text, units included (``"€1,234"``, ``"12%"``, ``"41 days"``; with
        meaning ``"12% of all customers"``).

    """
    segment, returns, confidence = facts.segment, facts.returns, facts.confidence
    cuts = (confidence.medium_from, confidence.high_from)
    write = _Writer(language, facts.currency)

    numbers: dict[str, str | None] = {
        "customer_count": write.count(segment.customer_count),
        "customer_share": write.percent(segment.customer_share),
        "total_clv": write.money(segment.total_clv),
        "average_clv": write.money(segment.average_clv),
        "average_clv_all": write.money(segment.average_clv_all),
        "clv_share": write.percent(segment.clv_share),
        "net_revenue": write.money(segment.net_revenue),
        "order_count": write.count(segment.order_count),
        "average_order_value": write.money(segment.average_order_value),
        "average_churn_risk": write.percent(segment.average_churn_risk),
        "value_at_stake": write.money(segment.value_at_stake_amount),
        "clv_horizon": write.days(facts.clv_horizon_days),
        "churn_horizon": write.days(facts.churn_horizon_days),
        "reachable_count": write.count(returns.reachable_count),
        "contacts": write.plain(returns.contacts),
        "contact_cost": write.money(returns.contact_cost),
        "fixed_cost": write.money(returns.fixed_cost),
        "incentive": write.money(returns.incentive),
        "gross_margin": write.percent(returns.gross_margin),
        "uplift_low": write.percent(returns.uplift_low),
        "uplift_base": write.percent(returns.uplift_base),
        "uplift_high": write.percent(returns.uplift_high),
        "conversions_base": write.plain(returns.conversions_base),
        "cost": write.money(returns.cost_amount),
        "margin": write.money(returns.margin_amount),
        "roi_low": write.percent(returns.roi_low),
        "roi_base": write.percent(returns.roi_base),
        "roi_high": write.percent(returns.roi_high),
        "break_even_uplift": write.percent(returns.break_even_uplift),
        "overall_robustness": write.score(confidence.overall_robustness, *cuts),
        "worst_block_score": write.score(confidence.worst_block_jaccard, *cuts),
        "medium_from": write.score(confidence.medium_from),
        "high_from": write.score(confidence.high_from),
    }
    values = {name: _Value(text, name) for name, text in numbers.items()}
    values |= {
        "segment_name": _Value(segment.segment_name),
        # The assumptions have a row for campaigns on no channel in particular.
        "channel": _Value(
            language.word(returns.channel) if returns.channel and returns.channel != "default" else None
        ),
        "confidence_level": _Value(language.word(confidence.confidence_level)),
        "weakest_test": _Value(language.word(confidence.weakest_test) if confidence.weakest_test else None),
        "worst_block": _Value(language.word(confidence.worst_block) if confidence.worst_block else None),
    }
    for number, feature in enumerate(facts.features, start=1):
        name = write.label(feature.label) if feature.label else language.word(feature.feature)
        slot = f"feature_{number}"
        values[slot] = _Value(name)
        values[f"{slot}_mean"] = _Value(write.in_unit(feature.mean, feature.unit), "feature_mean", name)
        values[f"{slot}_all"] = _Value(
            write.in_unit(feature.population_mean, feature.unit), "feature_all", name
        )
    for number, trait in enumerate(facts.traits, start=1):
        name = language.word(trait.trait)
        slot = f"trait_{number}"
        values[slot] = _Value(name)
        values[f"{slot}_share"] = _Value(write.percent(trait.trait_share), "trait_share", name)
        values[f"{slot}_share_all"] = _Value(write.percent(trait.population_share), "trait_share_all", name)
    for dimension in DIMENSIONS:
        for number, action in enumerate(facts.candidates(dimension), start=1):
            name = action.candidate or ""
            name = language.word(name) if dimension == "how" else name
            slot = f"{dimension}_{number}"
            figures = {
                "share": write.percent(action.candidate_share),
                "share_all": write.percent(action.population_share),
                "lift": write.times(action.lift),
                "support": write.count(action.support_count),
            }
            values[slot] = _Value(name)
            for figure, text in figures.items():
                values[f"{slot}_{figure}"] = _Value(text, f"candidate_{figure}", name)
    return {
        slot: (
            language.phrases[value.phrase].format(value=value.text, name=value.name)
            if with_meaning and value.phrase
            else value.text
        )
        for slot, value in values.items()
        if value.text is not None
    }


def render(text: str, values: Mapping[str, str]) -> str:
    """Replace every slot by its value, once: a value that looks like a slot is not read again.

    Parameters
    ----------
    text : str
        Text with slots that all exist in `values`.
    values : mapping of str to str
        See `slot_values`.

    Returns
    -------
    str
        The final text.

    Raises
    ------
    KeyError
        The text uses a slot that does not exist; `segmentry.explain.answer.problems` finds it before.

    Examples
    --------
    >>> render("{{ name }} hold {{share}}", {"name": "Big spenders", "share": "41%"})
    'Big spenders hold 41%'
    """
    return SLOT.sub(lambda match: values[match.group(1)], text)
