"""Profiles told with dicts and loops from events that are already understood; nothing is shared with the models."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
VIEWS = ("page_view", "category_view", "item_view")
ORDERS = ("purchase", "purchase_item")
NO_ACTIVITY = ("refund", "email_open", "email_click", "support_contact")
MOBILE = ("mobile", "phone", "smartphone", "tablet", "app")


@dataclass(frozen=True)
class Event:
    """An event as its meaning: instant in UTC, money in the reporting currency, ids clean."""

    customer_id: str
    at: datetime
    type: str
    event_id: str | None = None
    session_id: str | None = None
    order_id: str | None = None
    channel: str | None = None
    device_type: str | None = None
    category: str | None = None
    amount: Decimal | None = None
    discount: Decimal | None = None
    content: tuple[Any, ...] = ()


@dataclass(frozen=True)
class ValueModel:
    """Parameters of a model of purchases and spend, and purchases of who has not left, by repeat days and days observed."""

    method: str
    r: float
    alpha: float
    a: float
    b: float
    p: float = math.nan
    q: float = math.nan
    gamma: float = math.nan
    purchases_if_alive: Mapping[tuple[int, int], float] = field(default_factory=dict)


@dataclass(frozen=True)
class Rules:
    """The settings that profiles depend on."""

    zone: str = "UTC"
    as_of: date | None = None
    gap_minutes: int = 30
    clv_days: int = 364
    churn_days: int = 182
    margin: float = 1.0
    clv_model: ValueModel | None = None
    churn_model: ValueModel | None = None
    separator: str = " > "


def money(value: Decimal) -> Decimal:
    """Round to cents, half away from zero."""
    return value.quantize(CENT, ROUND_HALF_UP)


def local(at: datetime, zone: str) -> datetime:
    """Return what the clock on the wall shows at an instant."""
    return at.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def without_duplicates(events: Iterable[Event]) -> tuple[list[Event], Counter[str]]:
    """Return one event per event id, the earliest, and how many were left out for which reason."""
    kept: list[Event] = []
    reasons: Counter[str] = Counter()
    same_id: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.event_id is None:
            kept.append(event)
        else:
            same_id[event.event_id].append(event)
    for rivals in same_id.values():
        rivals.sort(
            key=lambda event: (
                event.at,
                event.customer_id,
                event.type,
                event.amount is None,
                event.amount or ZERO,
            )
        )
        kept.append(rivals[0])
        for event in rivals[1:]:
            reasons["duplicate" if event.content == rivals[0].content else "conflicting_duplicate"] += 1
    return kept, reasons


def end_of_observation(events: Iterable[Event], rules: Rules) -> date:
    """Return the last full day before as_of; as_of defaults to the midnight after the latest event."""
    if rules.as_of is not None:
        return rules.as_of - timedelta(days=1)
    return max((local(event.at, rules.zone).date() for event in events), default=date(1970, 1, 1))


def profiles(
    events: Sequence[Event], customer_of: Mapping[str, str], rules: Rules | None = None
) -> pd.DataFrame:
    """Return one row per customer, sorted, with all columns of the profiles."""
    rules = rules or Rules()
    last_day = end_of_observation(events, rules)
    kept, _ = without_duplicates(events)
    by_customer: dict[str, list[Event]] = defaultdict(list)
    for event in kept:
        if local(event.at, rules.zone).date() <= last_day:
            by_customer[customer_of.get(event.customer_id, event.customer_id)].append(event)
    merged = Counter(customer for id_, customer in customer_of.items() if id_ != customer)
    rows = []
    for customer_id in sorted(by_customer):
        own = sorted(by_customer[customer_id], key=lambda event: event.at)
        sessions = _sessions(own, rules)
        orders = _orders(own, rules)
        rows.append(
            {"customer_id": customer_id, "merged_id_count": merged[customer_id]}
            | _revenue(own, orders, last_day)
            | _engagement(sessions)
            | _temporal(sessions)
            | _affinity(own, rules)
            | _lifecycle(own, orders, last_day, rules)
        )
    for row in rows:
        row["orders_per_month"] = row["order_count"] * 30.4375 / max(row["tenure_days"], 30)
    _value(rows, rules)
    _tiers(rows)
    return pd.DataFrame(
        [{name: value for name, value in row.items() if not name.startswith("_")} for row in rows]
    )


def _share(part: Any, whole: Any) -> float | None:
    return float(part) / float(whole) if whole else None


def _sessions(events: list[Event], rules: Rules) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str | int], list[Event]] = defaultdict(list)
    number, previous = 0, None
    for event in events:
        if event.type in NO_ACTIVITY or (event.type == "other" and event.session_id is None):
            continue
        if event.session_id is not None:
            groups["given", event.session_id].append(event)
            continue
        if previous is None or event.at - previous > timedelta(minutes=rules.gap_minutes):
            number += 1
        previous = event.at
        groups["gap", number].append(event)
    sessions = []
    for key, members in groups.items():
        sessions.append(
            {
                "key": key,
                "start": members[0].at,
                "name": key[1] if key[0] == "given" else "",
                "local": min(local(event.at, rules.zone) for event in members),
                # Seconds as the clock ticks, not elapsed fractions.
                "seconds": int(members[-1].at.timestamp() // 1 - members[0].at.timestamp() // 1),
                "views": sum(event.type in VIEWS for event in members),
                "items": sum(event.type == "item_view" for event in members),
                "carts": sum(event.type == "add_to_cart" for event in members),
                "ordered": any(event.type in ORDERS for event in members),
                "visited": any(event.type not in ORDERS for event in members),
                "channel": min((event.channel for event in members if event.channel), default=None),
                "device": min((event.device_type for event in members if event.device_type), default=None),
            }
        )
    return sorted(sessions, key=lambda session: (session["start"], session["name"]))


def _orders(events: list[Event], rules: Rules) -> list[dict[str, Any]]:
    groups: dict[Any, list[Event]] = defaultdict(list)
    anonymous = [event for event in events if event.order_id is None and event.type in ORDERS]
    days_with_purchase = {
        local(event.at, rules.zone).date() for event in anonymous if event.type == "purchase"
    }
    for number, event in enumerate(anonymous):
        day = local(event.at, rules.zone).date()
        if event.type == "purchase":
            groups["single", number].append(event)
        elif day not in days_with_purchase:
            groups["lines", day].append(event)
    for event in events:
        if event.order_id is not None and event.type in (*ORDERS, "refund"):
            groups["given", event.order_id].append(event)
    orders = []
    for members in groups.values():
        bought = [event for event in members if event.type in ORDERS]
        if not bought:
            continue
        payments = [event for event in bought if event.type == "purchase"]
        orders.append(
            {
                "at": min(event.at for event in bought),
                "local": min(local(event.at, rules.zone) for event in bought),
                "gross": sum((event.amount or ZERO for event in payments or bought), ZERO),
                "discount": sum((event.discount or ZERO for event in payments or bought), ZERO),
                "refund": sum((event.amount or ZERO for event in members if event.type == "refund"), ZERO),
            }
        )
    return orders


def _revenue(events: list[Event], orders: list[dict[str, Any]], last_day: date) -> dict[str, Any]:
    def recent(days: int) -> list[dict[str, Any]]:
        return [order for order in orders if (last_day - order["local"].date()).days < days]

    def total(name: str, some: list[dict[str, Any]]) -> Decimal:
        return sum((order[name] for order in some), ZERO)

    gross, discount = total("gross", orders), total("discount", orders)
    refunds = sum((event.amount or ZERO for event in events if event.type == "refund"), ZERO)
    return {
        "gross_revenue": gross,
        "refund_amount": refunds,
        "net_revenue": gross - refunds,
        "discount_amount": discount,
        "refund_rate": _share(refunds, gross),
        "order_count": len(orders),
        "average_order_value": _share(gross, len(orders)),
        "discounted_order_count": sum(order["discount"] > 0 for order in orders),
        "discount_share": (_share(discount, gross + discount) or 0.0) if orders else None,
        "revenue_90d": total("gross", recent(90)),
        "revenue_365d": total("gross", recent(365)),
        "orders_90d": len(recent(90)),
    }


def _engagement(sessions: list[dict[str, Any]]) -> dict[str, Any]:
    carts = [number for number, session in enumerate(sessions) if session["carts"]]
    abandoned = [
        number for number in carts if not any(session["ordered"] for session in sessions[number : number + 2])
    ]
    weekend = sum(session["local"].weekday() >= 5 for session in sessions)
    pages = sum(session["views"] for session in sessions)
    return {
        "session_count": len(sessions),
        "visit_count": sum(session["visited"] for session in sessions),
        "page_views": pages,
        "items_viewed": sum(session["items"] for session in sessions),
        "cart_additions": sum(session["carts"] for session in sessions),
        "cart_session_count": len(carts),
        "abandoned_cart_count": len(abandoned),
        "weekend_session_count": weekend,
        "pages_per_session": _share(pages, len(sessions)),
        "average_session_seconds": _share(sum(session["seconds"] for session in sessions), len(sessions)),
        "bounce_rate": _share(
            sum(session["views"] <= 1 and not session["ordered"] for session in sessions), len(sessions)
        ),
        "cart_abandonment_rate": _share(len(abandoned), len(carts)),
        "weekend_share": _share(weekend, len(sessions)),
    }


def _preference(
    counts: Mapping[Any, int], possible: int | None = None
) -> tuple[Any, float | None, float | None]:
    """Return the most frequent value (ties to the least), its share, and the evenness of all."""
    counts = {value: count for value, count in counts.items() if value is not None and count}
    if not counts:
        return None, None, None
    top = min(counts, key=lambda value: (-counts[value], value))
    total = sum(counts.values())
    entropy = -sum(count / total * math.log(count / total) for count in counts.values())
    return top, counts[top] / total, entropy / math.log(possible or len(counts)) if len(counts) > 1 else 0.0


def _temporal(sessions: list[dict[str, Any]]) -> dict[str, Any]:
    hours = _preference(Counter(session["local"].hour for session in sessions), 24)
    if all(session["local"].time() == datetime.min.time() for session in sessions):
        hours = None, None, None
    weekdays = _preference(Counter(session["local"].isoweekday() for session in sessions), 7)
    devices = [session["device"] for session in sessions if session["device"]]
    return {
        "preferred_hour": hours[0],
        "preferred_hour_share": hours[1],
        "hour_entropy": hours[2],
        "preferred_weekday": weekdays[0],
        "preferred_weekday_share": weekdays[1],
        "weekday_entropy": weekdays[2],
        "top_channel": _preference(Counter(session["channel"] for session in sessions))[0],
        "top_device": _preference(Counter(devices))[0],
        "mobile_share": _share(sum(device.lower() in MOBILE for device in devices), len(devices)),
    }


def category_counts(events: Iterable[Event], rules: Rules) -> dict[tuple[int, str], list[int]]:
    """Return views, carts and purchases of a customer by level and path; an order buys a category once."""
    lines = {
        event.order_id
        for event in events
        if event.type == "purchase_item" and event.category and event.order_id
    }
    counts: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    paid: set[tuple[str, str]] = set()
    for event in events:
        if not event.category:
            continue
        if event.type in ("category_view", "item_view"):
            place = 0
        elif event.type == "add_to_cart":
            place = 1
        elif event.type == "purchase_item":
            place = 2
        elif event.type == "purchase":
            place = 2
            if event.order_id is not None:
                if event.order_id in lines or (event.order_id, event.category) in paid:
                    continue
                paid.add((event.order_id, event.category))
        else:
            continue
        path: list[str] = []
        for part in event.category.split(rules.separator)[:3]:
            if not part.strip(" "):
                break
            path.append(part.strip(" "))
            counts[len(path), rules.separator.join(path)][place] += 1
    return counts


def _affinity(events: list[Event], rules: Rules) -> dict[str, Any]:
    weights: dict[int, dict[str, int]] = {1: {}, 2: {}, 3: {}}
    for (level, path), (views, carts, purchases) in category_counts(events, rules).items():
        weights[level][path] = views + 2 * carts + 5 * purchases
    row: dict[str, Any] = {"category_count": len(weights[1])}
    for level, suffix, diversity in [
        (1, "", "category_diversity"),
        (2, "_level_2", "category_level_2_diversity"),
        (3, "_level_3", "category_level_3_diversity"),
    ]:
        row[f"top_category{suffix}"], row[f"top_category{suffix}_share"], row[diversity] = _preference(
            weights[level]
        )
    return row


def _lifecycle(
    events: list[Event], orders: list[dict[str, Any]], last_day: date, rules: Rules
) -> dict[str, Any]:
    days = sorted({order["local"].date() for order in orders})
    gaps = [(later - earlier).days for earlier, later in pairwise(days)]
    mean = statistics.fmean(gaps) if gaps else None
    deviation = statistics.stdev(gaps) if len(gaps) > 1 else None
    variation = deviation / mean if deviation is not None and mean else None
    if len(days) < 2:
        behaviour = ["none", "one_time"][len(days)]
    elif (mean or 0) > 90 or (variation is not None and variation >= 1):
        behaviour = "long_cycle"
    else:
        behaviour = "regular" if variation is not None and variation < 0.5 else "irregular"
    return {
        "first_seen_at": min(event.at for event in events),
        "last_seen_at": max(event.at for event in events),
        "tenure_days": (last_day - min(local(event.at, rules.zone) for event in events).date()).days,
        "days_since_seen": (last_day - max(local(event.at, rules.zone) for event in events).date()).days,
        "first_order_at": min((order["at"] for order in orders), default=None),
        "last_order_at": max((order["at"] for order in orders), default=None),
        "recency_days": (last_day - days[-1]).days if days else None,
        "gap_mean": mean,
        "gap_sd": deviation,
        "gap_cv": variation,
        "regularity": None if variation is None else 1 - min(variation / 2, 1),
        "behaviour_type": behaviour,
        "_days": days,
        "_spend": sum((order["gross"] - order["refund"] for order in orders), ZERO),
        "_repeat_spend": sum(
            (order["gross"] - order["refund"] for order in orders if order["local"].date() > days[0]), ZERO
        ),
        "_gaps": gaps,
        "_last_day": last_day,
    }


def _value(rows: list[dict[str, Any]], rules: Rules) -> None:
    """Add value and churn.

    The heuristic: rate (x+1)/(T+1/r0), expected gap (t_x+3g)/(x+3), decay exp(-max(s-1, 0)/3). The models: by Bayes' rule from the
    likelihoods of having left at the last purchase and of being here still.
    """
    buyers = [row for row in rows if row["_days"]]
    repeats = sum(len(row["_days"]) - 1 for row in buyers)
    weeks = sum((row["_last_day"] - row["_days"][0]).days for row in buyers) / 7
    all_gaps = [gap for row in buyers for gap in row["_gaps"]]
    typical = statistics.median(all_gaps) / 7 if all_gaps else rules.churn_days / 7
    for row in rows:
        row["clv_method"] = rules.clv_model.method if rules.clv_model else "heuristic"
        row["churn_method"] = rules.churn_model.method if rules.churn_model else "heuristic"
        row |= {
            "probability_alive": None,
            "churn_risk": None,
            "expected_purchases": 0.0,
            "expected_value": None,
            "clv": ZERO,
        }
    for row in buyers:
        days = row["_days"]
        x = len(days) - 1
        rate = (x + 1) / ((row["_last_day"] - days[0]).days / 7 + weeks / repeats) if repeats else 0.0
        gap = ((days[-1] - days[0]).days / 7 + 3 * typical) / (x + 3)
        decay = math.exp(-max(row["recency_days"] / 7 / gap - 1, 0) / 3)
        row["probability_alive"] = decay
        row["churn_risk"] = math.exp(-rate * rules.churn_days / 7 * decay)
        row["expected_purchases"] = rate * rules.clv_days / 7 * decay
        row["expected_value"] = float(max(row["net_revenue"], ZERO)) / len(days)
        observed = (row["_last_day"] - days[0]).days
        if rules.churn_model:
            row["probability_alive"] = _alive(rules.churn_model, days, observed)
            staying = (rules.churn_model.alpha + observed / 7) / (
                rules.churn_model.alpha + (observed + rules.churn_days) / 7
            )
            buying = 1 - staying ** (rules.churn_model.r + x)
            row["churn_risk"] = 1 - row["probability_alive"] * buying
        if rules.clv_model and (x, observed) not in rules.clv_model.purchases_if_alive:
            row["clv_method"] = "heuristic"
        elif rules.clv_model:
            model = rules.clv_model
            row["expected_purchases"] = _alive(model, days, observed) * model.purchases_if_alive[x, observed]
            repeat = 0.0
            if row["_spend"] > 0 and row["_repeat_spend"] > 0:
                kept = Fraction(max(row["net_revenue"], ZERO)) / Fraction(row["_spend"])
                repeat = float(money(Decimal(float(Fraction(row["_repeat_spend"]) * kept))))
            row["expected_value"] = model.p * (model.gamma + repeat) / (model.p * x + model.q - 1)
        row["clv"] = money(Decimal(row["expected_purchases"] * row["expected_value"] * rules.margin))

    for row in rows:
        row["model_fit_ok"] = row["clv_method"] != "heuristic"


def _alive(model: ValueModel, days: list[date], observed: int) -> float:
    """Return the probability that a customer has not left."""
    x, active = len(days) - 1, (days[-1] - days[0]).days / 7
    chances = x + (model.method == "mbg_nbd")

    def beta(one: float, other: float) -> float:
        return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)

    here = beta(model.a, model.b + chances) - (model.r + x) * math.log(model.alpha + observed / 7)
    if chances == 0:
        return 1.0
    left = beta(model.a + 1, model.b + chances - 1) - (model.r + x) * math.log(model.alpha + active)
    return 1 / (1 + math.exp(left - here))


def _tiers(rows: list[dict[str, Any]]) -> None:
    total = sum((row["clv"] for row in rows), ZERO)
    before = ZERO
    for row in sorted(rows, key=lambda row: (-row["clv"], row["customer_id"])):
        if row["clv"] <= 0:
            row["value_tier"] = "D"
        else:
            row["value_tier"] = (
                "A" if before < total * Decimal("0.5") else "B" if before < total * Decimal("0.8") else "C"
            )
        before += row["clv"]
