"""Numbers and names as people read them, and the few sentences that the report says at the top.

Pure functions: the same figures always give the same words, in English, whatever the locale.
"""

from __future__ import annotations

import datetime as dt
import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal

from segmentry.report.schema import (
    CustomerTotals,
    DataQuality,
    MethodFit,
    Migration,
    Notice,
    PreviousRun,
    RuleCheck,
    RunSummary,
    SegmentSummary,
)

__all__ = [
    "DECISIONS",
    "blocks",
    "clean",
    "concentrated_segment",
    "count",
    "date",
    "feature_name",
    "feature_unit",
    "feature_value",
    "headline",
    "humanise",
    "listed",
    "method_problem",
    "method_text",
    "money",
    "notices",
    "printable",
    "quantity",
    "quoted",
    "reason_text",
    "returned",
    "score",
    "sentence",
    "share",
    "summary",
    "times",
]

_MINUS = "\u2212"
_TIMES = "\u00d7"
_NO_BREAK = "\u00a0"
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "AUD": "A$", "CAD": "C$",
            "NZD": "NZ$", "BRL": "R$", "CNY": "CN¥", "ILS": "₪", "UAH": "₴"}  # fmt: skip
# From here on thousands are abbreviated: below it every digit fits a column.
_ABBREVIATE_FROM = Decimal(10_000)
# Names longer than this break a layout; report.json keeps them in full.
_NAME_LENGTH = 70
# From this gap between share of value and share of customers on, value counts as concentrated.
_CONCENTRATION = 0.1

_HIDDEN_CATEGORIES = ("Cc", "Cs", "Co")
_DIRECTION_MARKS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")

_FEATURES = {
    "recency_days": "Days since last order",
    "days_since_seen": "Days since last seen",
    "discounted_order_share": "Orders on discount",
    "order_rate": "Orders",
    "visit_rate": "Visits",
    "orders_per_month": "Orders",
    "average_order_value": "Order value",
    "discount_share": "Bought on discount",
    "session_rate": "Visits",
    "pages_per_session": "Pages a visit",
    "weekend_share": "Weekend visits",
    "tenure_days": "Days as customer",
    "refund_rate": "Sent back",
    "bounce_rate": "Left at once",
    "cart_abandonment_rate": "Carts left behind",
    "category_diversity": "Variety of categories",
    "category_count": "Categories used",
    "mobile_share": "Visits by phone",
    "average_session_seconds": "Length of a visit",
    "regularity": "Regularity of orders",
    "gap_mean": "Days between orders",
    "churn_risk": "Risk of leaving",
    "hour_entropy": "Spread over the day",
    "weekday_entropy": "Spread over the week",
}
# Units that the feature's name or the number itself says already.
_SILENT_UNITS = ("currency", "share", "days", "pages")
# The decisions of segment_viability in plain words.
DECISIONS = {"pursue": "go ahead", "test": "test on a small group first", "reject": "do not pursue"}
_METHODS = {
    "heuristic": "a rule of thumb from past orders",
    "bg_nbd": "a model of purchases (BG/NBD)",
    "mbg_nbd": "a model of purchases (MBG/NBD)",
}
_REASONS = {
    "missing_customer_id": "no customer id",
    "placeholder_customer_id": "a placeholder instead of a customer id",
    "missing_time": "no time",
    "unparsable_time": "a time that can't be read",
    "ancient_time": "a time long ago",
    "future_time": "a time in the future",
    "missing_type": "no event type",
    "missing_amount": "no amount on a purchase or refund",
    "unparsable_amount": "an amount that is not a number",
    "absurd_amount": "an amount above the limit",
    "negative_purchase": "a purchase below zero",
    "unknown_currency": "a currency without a rate",
    "duplicate": "the same event again",
    "conflicting_duplicate": "the same event id with other content",
    "deletion": "takes another event back",
    "deleted": "taken back by another row",
    "empty_old_id": "no old id",
    "empty_new_id": "no new id",
    "placeholder_id": "a placeholder instead of an id",
    "missing_merged_at": "no time of the merge",
    "self_merge": "an id merged into itself (harmless)",
    "future_merged_at": "a merge in the future",
    "unmerge_without_merge": "an undo without a merge",
    "unknown_operation": "an unknown operation",
    "erased": "of customers who were erased",
    "after_as_of": "after the date of this report",
}


def money(amount: Decimal | float, currency: str) -> str:
    """Amount as a reader wants it: every digit below 10,000, then `€48k`, `€4.9m`, `€1.2bn`.

    Parameters
    ----------
    amount : Decimal or float
        Amount in units of the currency.
    currency : str
        ISO code; a code without a well-known symbol is written out before the number.

    Examples
    --------
    >>> money(4_890_000, "EUR"), money(198, "GBP"), money(0.4, "USD")
    ('€4.9m', '£198', '$0.40')
    """
    value = amount if isinstance(amount, Decimal) else Decimal(repr(float(amount)))
    size = abs(value)
    prefix = _SYMBOLS.get(currency.upper(), f"{clean(currency)}{_NO_BREAK}")
    if 0 < size < 10:
        text = f"{_rounded(size, 2):,}"
    elif _rounded(size, 0) < _ABBREVIATE_FROM:
        text = f"{_rounded(size, 0):,}"
    else:
        text = _abbreviated(size)
    return f"{_MINUS if value < 0 and text.strip('0.,') else ''}{prefix}{text}"


def _rounded(value: Decimal, digits: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def _abbreviated(size: Decimal) -> str:
    # The unit is chosen after rounding, so that 999,950 is 1.0m and never 1,000k.
    if _rounded(size / 1000, 0) < 1000:
        return f"{_rounded(size / 1000, 0)}k"
    if _rounded(size / 10**6, 1) < 1000:
        return f"{_rounded(size / 10**6, 1)}m"
    return f"{_rounded(size / 10**9, 1):,}bn"


def count(number: int) -> str:
    """Whole number with thousands separated, as in `4,000`."""
    return f"{number:,}".replace("-", _MINUS)


def share(fraction: float | None) -> str:
    """Share in whole percent; `<1%` and `>99%` where rounding would claim nothing or everything.

    Examples
    --------
    >>> share(0.153), share(0.001), share(0.999), share(1.0), share(None)
    ('15%', '<1%', '>99%', '100%', 'none')
    """
    if fraction is None:
        return "none"
    if 0 < fraction < 0.005:
        return "<1%"
    if 0.995 <= fraction < 1:
        return ">99%"
    return f"{math.floor(fraction * 100 + 0.5)}%"


def score(value: float) -> str:
    """Score with two digits, rounded down: 0.749 must not read as the 0.75 that it did not reach."""
    return f"{math.floor(value * 100 + 1e-9) / 100:.2f}"


def times(lift: float) -> str:
    """Multiple of the average, with the multiplication sign."""
    return f"{lift:.0f}{_TIMES}" if lift >= 9.95 else f"{lift:.1f}{_TIMES}"


def quantity(value: float) -> str:
    """Plain number with as many digits as it deserves: `1,204`, `15`, `3.1`, `0.05`."""
    size = abs(value)
    if size >= 9.95:
        text = f"{math.floor(size + 0.5):,}"
    elif size >= 0.095 or size == 0:
        text = f"{size:.1f}"
    else:
        text = f"{size:.2f}"
    if text.endswith(".0"):
        text = text[:-2]
    return f"{_MINUS if value < 0 and text.strip('0.,') else ''}{text}"


def date(day: dt.date) -> str:
    """Day in words, as in `30 September 2026`, without the locale's say."""
    return f"{day.day}{_NO_BREAK}{_MONTHS[day.month - 1]}{_NO_BREAK}{day.year}"


def returned(roi: float, currency: str) -> str:
    """Say what comes back for each unit spent: a return of 1.5 brings `€2.50`."""
    return money(1 + roi, currency)


def printable(text: str) -> str:
    """Text from data or a model on one line, without control characters or direction overrides.

    Overrides would mirror the rest of the line. Nothing is cut; report.json keeps the text as it is.
    """
    kept = (
        " " if character.isspace() else character
        for character in text
        if character.isspace()
        or (
            unicodedata.category(character) not in _HIDDEN_CATEGORIES
            and unicodedata.bidirectional(character) not in _DIRECTION_MARKS
        )
    )
    return " ".join("".join(kept).split())


def sentence(text: str) -> str:
    """Text that was written to stand in the middle of a line, as a sentence."""
    words = printable(text)
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith(('.', '!', '?')) else '.'}" if words else ""


def clean(text: str) -> str:
    """Name from data, fit for a table cell: `printable` and at most 70 characters."""
    words = printable(text)
    return words if len(words) <= _NAME_LENGTH else f"{words[: _NAME_LENGTH - 1].rstrip()}…"


def quoted(name: str) -> str:
    """Name in quotation marks; one written right to left is isolated to keep the sentence in order."""
    text = clean(name)
    if any(unicodedata.bidirectional(character) in ("R", "AL") for character in text):
        text = f"\u2068{text}\u2069"
    return f"“{text}”"


def listed(parts: Sequence[str]) -> str:
    """Join names: `a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def humanise(name: str) -> str:
    """Column-like name as words: `maximum_customer_share` becomes `maximum customer share`."""
    return clean(name.replace("_", " ")).strip()


def feature_name(feature: str) -> str:
    """Feature in plain words; one that is not known is its column name as words."""
    if feature in _FEATURES:
        return _FEATURES[feature]
    words = humanise(feature)
    return words[:1].upper() + words[1:]


def feature_unit(unit: str) -> str:
    """Give the unit to print beside the feature's name; empty where name or number say it already.

    Of a rate only the time is left: the name says of what.

    Examples
    --------
    >>> feature_unit("orders a year"), feature_unit("days"), feature_unit("seconds")
    ('a year', '', 'seconds')
    """
    if unit in _SILENT_UNITS:
        return ""
    _, separator, time = unit.partition(" a ")
    return f"a {clean(time)}" if separator else clean(unit)


def feature_value(value: float, unit: str, currency: str, digits: int) -> str:
    """Value of a feature in its own unit: `€143`, `61%`, `15.0`; `digits` keeps a column alike."""
    if unit == "currency":
        return money(value, currency)
    if unit == "share":
        return share(value)
    text = f"{abs(value):,.{digits}f}"
    return f"{_MINUS if value < 0 and text.strip('0.,') else ''}{text}"


def reason_text(reason: str) -> str:
    """Reason code of a rejected row in plain words."""
    return _REASONS.get(reason, humanise(reason))


def method_text(method: str) -> str:
    """Name the method behind the expected value in plain words."""
    return _METHODS.get(method, humanise(method))


def method_problem(fits: Sequence[MethodFit]) -> str:
    """Say why no model is behind the expected value, in sentences; empty where one is or none was tried."""
    tried = [fit for fit in fits if fit.method != "heuristic" and fit.reason != "fits"]
    if not tried or not any(fit.is_clv_method and fit.method == "heuristic" for fit in fits):
        return ""
    return " ".join(
        sentence(
            f"{method_text(fit.method)} was tried and not used for it:"
            f" {printable(fit.reason).removeprefix('fits; but ')}"
        )
        for fit in tried
    )


def concentrated_segment(segments: Sequence[SegmentSummary]) -> SegmentSummary | None:
    """Segment whose share of value exceeds its share of customers the most, if by enough to call it news."""
    candidates = [segment for segment in segments if segment.clv_share is not None]
    if len(candidates) < 2:
        return None
    best = max(candidates, key=_excess)
    return best if _excess(best) >= _CONCENTRATION else None


def _excess(segment: SegmentSummary) -> float:
    return (segment.clv_share or 0.0) - segment.customer_share


def headline(run: RunSummary, segments: Sequence[SegmentSummary]) -> str:
    """Most important thing on the page, in one honest line."""
    if run.status == "insufficient_data":
        return "There are too few customers to form segments"
    if run.status == "single_segment" or not segments:
        return "Your customers do not differ enough to form segments"
    number = len(segments)
    if not any(segment.is_production_ready for segment in segments):
        if number == 1:
            return "One segment found, and it does not pass every check"
        return f"{number} segments found, none passes every check yet"
    leader = concentrated_segment(segments)
    if leader is not None:
        people, value = share(leader.customer_share), share(leader.clv_share)
        return f"{people} of customers hold {value} of the expected value"
    if number == 1:
        return "All customers are in one segment"
    if segments[0].clv_share is None:
        return f"{number} segments, and no expected value in any of them"
    return f"Expected value is spread over {number} segments"


def summary(
    run: RunSummary,
    previous_run: PreviousRun | None,
    totals: CustomerTotals,
    segments: Sequence[SegmentSummary],
    migrations: Sequence[Migration],
) -> str:
    """Two or three sentences below the headline: who, what to leave alone, what moved."""
    if run.status == "insufficient_data" or run.status == "single_segment" or not segments:
        return sentence(run.status_reason)
    parts = []
    leader = concentrated_segment(segments)
    ready = [segment for segment in segments if segment.is_production_ready]
    waiting = [segment for segment in segments if not segment.is_production_ready]
    if leader is not None:
        name = quoted(leader.segment_name)
        if ready:
            value = money(leader.average_clv, run.reporting_currency)
            caveat = ", but they do not pass every check yet" if leader in waiting else ""
            parts.append(
                f"They are {name}: {count(leader.customer_count)} customers worth {value} each{caveat}."
            )
        else:
            people, value = share(leader.customer_share), share(leader.clv_share)
            parts.append(f"{name}, {people} of customers, hold {value} of the expected value.")
    others = [segment for segment in waiting if segment is not leader]
    if ready and others:
        names = (
            listed([quoted(segment.segment_name) for segment in others])
            if len(others) <= 2
            else f"{len(others)} of {len(segments)} segments"
        )
        parts.append(f"Leave {names} alone for now: not every check is passed.")
    moves = [migration for migration in migrations if migration.is_move]
    if moves and previous_run is not None:
        largest = max(moves, key=lambda move: move.customer_count)
        since = (
            f" since {date(previous_run.observation_end_date)}" if previous_run.observation_end_date else ""
        )
        parts.append(
            f"The largest move{since}: {count(largest.customer_count)} customers from "
            f"{quoted(largest.from_segment_name)} to {quoted(largest.to_segment_name)}."
        )
    if not parts:
        parts.append(
            f"{count(totals.segmented_count)} customers, "
            f"{money(totals.total_clv, run.reporting_currency)} of expected value."
        )
    return " ".join(parts)


# What says nothing about the input: repetitions, and what was taken back or erased on purpose.
_HARMLESS = ("duplicate", "conflicting_duplicate", "deletion", "deleted", "erased")
MANY_REJECTED = 0.1  # of all events


def _lost_input(totals: CustomerTotals, quality: DataQuality) -> list[Notice]:
    """Say that much of the input could not be used, which looks like a result otherwise."""
    lost = [reason for reason in quality.rejected_events if reason.reason not in _HARMLESS]
    lost_count = sum(reason.count for reason in lost)
    reasons = listed(
        [
            f"{reason_text(reason.reason)} ({count(reason.count)})"
            for reason in sorted(lost, key=lambda reason: (-reason.count, reason.reason))[:3]
        ]
    )
    where = f"Most often: {reasons}. The table rejected_events has each of them with its reason."
    found = []
    if lost_count > MANY_REJECTED * quality.event_count:
        title = f"{count(lost_count)} of {count(quality.event_count)} events could not be used"
        found.append(Notice(kind="many_rejected", title=title, text=where))
    if quality.events_used and not totals.buyer_count:
        text = "Only events of the types purchase and purchase_item count as orders"
        text += "." if not lost_count else f"; {count(lost_count)} events were set aside. {where}"
        found.append(Notice(kind="no_purchases", title="No purchase was found in the events", text=text))
    return found


def notices(
    run: RunSummary, segments: Sequence[SegmentSummary], totals: CustomerTotals, quality: DataQuality
) -> tuple[Notice, ...]:
    """Say what must be known before anything else on the page; empty when nothing needs saying."""
    found = _lost_input(totals, quality)
    if run.status == "insufficient_data":
        text = "This page shows what is known about the customers as a whole. Nothing on it was tested."
        found.append(Notice(kind="insufficient_data", title="There are no segments in this run", text=text))
    elif run.status == "single_segment" or not segments:
        text = "This page shows what is known about the customers as a whole. Any division would be made up."
        found.append(Notice(kind="single_segment", title="All customers are one group", text=text))
    if segments and run.segmentation_kind == "constructive":
        text = (
            "Customers differ by degrees, without gaps: done again, the borders would fall elsewhere. "
            "Use the segments to organise work, not as a finding about your customers."
        )
        title = "These segments are a practical division, not groups that exist by themselves"
        found.append(Notice(kind="constructive", title=title, text=text))
    if segments and run.status == "ok" and not any(segment.is_production_ready for segment in segments):
        found.append(
            Notice(kind="none_ready", title="No segment passes every check yet", text=_obstacles(segments))
        )
    if segments and run.segmentation_mode == "assign" and run.model_as_of is not None:
        text = (
            "Who is in which segment, sizes and values are of today. The segments themselves, and how stable "
            f"they are, come from the last refit, on events before {date(run.model_as_of)}."
        )
        if run.far_customer_share is not None:
            text += (
                f" {share(run.far_customer_share)} of customers are farther from the centre of their segment "
                "than 99 in 100 were then."
            )
        title = "Customers were given to the segments of an earlier refit"
        found.append(Notice(kind="assigned", title=title, text=text))
    return tuple(found)


def _obstacles(segments: Iterable[SegmentSummary]) -> str:
    """List what keeps segments from being ready, the most frequent reason first."""
    failed = Counter(
        humanise(check.rule) for segment in segments for check in segment.checks if blocks(check)
    )
    if not failed:
        return "Read this page as information, not as a plan for campaigns."
    named = [
        f"{rule} ({number} {'segment' if number == 1 else 'segments'})"
        for rule, number in sorted(failed.items(), key=lambda item: (-item[1], item[0]))[:3]
    ]
    return f"Checks not passed: {listed(named)}. Read this page as information, not as a plan for campaigns."


def blocks(check: RuleCheck) -> bool:
    """Whether a check keeps its segment from being ready: failed, not waived, and more than a warning."""
    return not check.is_passed and not check.is_waived and check.severity != "warning"
