"""Numbers and names as slots: what a text may contain, and how each value is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from segmentry.explain.facts import DIMENSIONS, SegmentFacts

__all__ = ["SLOT", "render", "slot_values"]

SLOT = re.compile(r"\{\{\s*([a-z][a-z0-9_]*)\s*\}\}")
"""A slot: ``{{average_clv}}``."""

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


def _count(value: float) -> str:
    return _rounded(value, 0)


def _percent(value: float) -> str:
    percent = value * 100
    # Almost everybody is not everybody.
    text = _rounded(percent, 1) if 99 <= abs(percent) < 100 else _short(percent)
    return f"{text}%"


def _days(value: float) -> str:
    text = _short(value)
    return f"{text} day" if text == "1" else f"{text} days"


def _money(value: float, currency: str) -> str:
    symbol = _SYMBOLS.get(currency, f"{currency}\N{NO-BREAK SPACE}")
    text = _rounded(abs(value), 0 if abs(value) >= 100 or value == 0 else 2)
    return f"{'-' if value < 0 and text.strip('0.') else ''}{symbol}{text}"


def _score(value: float, cuts: tuple[float, ...]) -> str:
    """Two decimals, more when two would put the score on the wrong side of a cut."""
    for decimals in (2, 3):
        text = _rounded(value, decimals)
        if all((float(text) >= cut) == (value >= cut) for cut in cuts):
            return text
    return _rounded(value, 4)


def _words(code: str) -> str:
    return code.replace("_", " ")


def _within_sentence(label: str) -> str:
    """Lower the first letter of a label, unless it starts an abbreviation."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def _in_unit(value: float, unit: str, currency: str) -> str:
    if unit == "currency":
        return _money(value, currency)
    if unit == "share":
        return _percent(value)
    return _days(value) if unit == "days" else _short(value)


def slot_values(facts: SegmentFacts) -> dict[str, str]:
    """Every slot that a text about this segment may use, with the text that replaces it.

    A fact that is unknown has no slot, so a text that mentions it is rejected instead of showing a blank.

    Parameters
    ----------
    facts : SegmentFacts
        Facts of one segment.

    Returns
    -------
    dict of str to str
        Name of the slot to its final text, units included (``"€1,234"``, ``"12%"``, ``"41 days"``).

    """
    segment, returns, confidence = facts.segment, facts.returns, facts.confidence
    cuts = (confidence.medium_from, confidence.high_from)

    def money(value: float | None) -> str | None:
        return None if value is None else _money(value, facts.currency)

    def percent(value: float | None) -> str | None:
        return None if value is None else _percent(value)

    def count(value: float | None) -> str | None:
        return None if value is None else _count(value)

    values: dict[str, str | None] = {
        "segment_name": segment.segment_name,
        "customer_count": count(segment.customer_count),
        "customer_share": percent(segment.customer_share),
        "total_clv": money(segment.total_clv),
        "average_clv": money(segment.average_clv),
        "average_clv_all": money(segment.average_clv_all),
        "clv_share": percent(segment.clv_share),
        "net_revenue": money(segment.net_revenue),
        "order_count": count(segment.order_count),
        "average_order_value": money(segment.average_order_value),
        "average_churn_risk": percent(segment.average_churn_risk),
        "value_at_stake": money(segment.value_at_stake_amount),
        "clv_horizon": _days(facts.clv_horizon_days),
        "churn_horizon": _days(facts.churn_horizon_days),
        # The assumptions have a row for campaigns on no channel in particular.
        "channel": _words(returns.channel) if returns.channel and returns.channel != "default" else None,
        "reachable_count": count(returns.reachable_count),
        "contacts": None if returns.contacts is None else _short(returns.contacts),
        "contact_cost": money(returns.contact_cost),
        "fixed_cost": money(returns.fixed_cost),
        "incentive": money(returns.incentive),
        "gross_margin": percent(returns.gross_margin),
        "uplift_low": percent(returns.uplift_low),
        "uplift_base": percent(returns.uplift_base),
        "uplift_high": percent(returns.uplift_high),
        "conversions_base": None if returns.conversions_base is None else _short(returns.conversions_base),
        "cost": money(returns.cost_amount),
        "margin": money(returns.margin_amount),
        "roi_low": percent(returns.roi_low),
        "roi_base": percent(returns.roi_base),
        "roi_high": percent(returns.roi_high),
        "break_even_uplift": percent(returns.break_even_uplift),
        "confidence_level": confidence.confidence_level,
        "overall_robustness": (
            None if confidence.overall_robustness is None else _score(confidence.overall_robustness, cuts)
        ),
        "weakest_test": _words(confidence.weakest_test) if confidence.weakest_test else None,
        "worst_block": _words(confidence.worst_block) if confidence.worst_block else None,
        "worst_block_score": (
            None if confidence.worst_block_jaccard is None else _score(confidence.worst_block_jaccard, cuts)
        ),
        "medium_from": _score(confidence.medium_from, ()),
        "high_from": _score(confidence.high_from, ()),
    }
    for number, feature in enumerate(facts.features, start=1):
        values[f"feature_{number}"] = (
            _within_sentence(feature.label) if feature.label else _words(feature.feature)
        )
        values[f"feature_{number}_mean"] = _in_unit(feature.mean, feature.unit, facts.currency)
        values[f"feature_{number}_all"] = _in_unit(feature.population_mean, feature.unit, facts.currency)
    for number, trait in enumerate(facts.traits, start=1):
        values[f"trait_{number}"] = _words(trait.trait)
        values[f"trait_{number}_share"] = _percent(trait.trait_share)
        values[f"trait_{number}_share_all"] = _percent(trait.population_share)
    for dimension in DIMENSIONS:
        for number, action in enumerate(facts.candidates(dimension), start=1):
            name = action.candidate or ""
            values[f"{dimension}_{number}"] = _words(name) if dimension == "how" else name
            values[f"{dimension}_{number}_share"] = percent(action.candidate_share)
            values[f"{dimension}_{number}_share_all"] = percent(action.population_share)
            values[f"{dimension}_{number}_lift"] = (
                None if action.lift is None else f"{_short(action.lift)} times"
            )
            values[f"{dimension}_{number}_support"] = count(action.support_count)
    return {name: value for name, value in values.items() if value is not None}


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
