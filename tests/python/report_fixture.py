"""A finished warehouse, invented: every mart of the contract, filled for any number of segments.

The tables, their types and their NOT NULL constraints are taken from `models/marts/_marts.yml`, so a
report that reads a column that the marts don't have, or a fixture that breaks the contract, fails.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import yaml

CONTRACT = Path(__file__).parents[2] / "models" / "marts" / "_marts.yml"
RUN_ID = "5d1c0f2e9ab84a7c"
PREVIOUS_RUN_ID = "a04e77b1c3d25e66"
AS_OF = dt.datetime(2026, 10, 1)
PREVIOUS_AS_OF = dt.datetime(2026, 9, 1)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

FEATURES = {
    # feature: (block, unit, index into Archetype.profile)
    "recency_days": ("recency", "days"),
    "order_rate": ("frequency", "orders a month"),
    "average_order_value": ("order_value", "currency"),
    "discount_share": ("discount", "share"),
    "session_rate": ("visits", "sessions a month"),
    "pages_per_session": ("browsing", "pages"),
    "weekend_share": ("timing", "share"),
    "tenure_days": ("tenure", "days"),
}


@dataclass(frozen=True)
class Archetype:
    """One invented segment: its weight, its typical features and what the assessment says."""

    name: str
    weight: float
    clv: float
    churn_risk: float
    profile: tuple[float, float, float, float, float, float, float, float]
    what: str
    when: str
    how: str
    who: str
    bootstrap: float
    worst_drop: tuple[str, float]
    time: float
    headline: str
    summary: str
    advice: str


ARCHETYPES = (
    Archetype(
        "High-value loyalists",
        15,
        6000,
        0.12,
        (15, 3.1, 143, 0.10, 9.0, 7.0, 0.28, 813),
        "Outdoor",
        "Thursday 19:00",
        "email",
        "A",
        0.97,
        ("discount", 0.84),
        0.88,
        "Few customers, most of the value",
        "They order three times a month at full price and have been with you for more than two years.",
        "Give them early access to the new Outdoor range on Thursday evening by email; no discount needed.",
    ),
    Archetype(
        "Bargain hunters",
        24,
        938,
        0.34,
        (33, 1.9, 45, 0.61, 7.0, 9.0, 0.31, 576),
        "Home",
        "Sunday 20:00",
        "push",
        "B",
        0.95,
        ("discount", 0.79),
        0.83,
        "Order often, but mostly on promotion",
        "Six in ten of their purchases carry a discount, at less than half the usual order value.",
        "Bundle offers from Home on Sunday evening by push message; keep the discount where it is.",
    ),
    Archetype(
        "Occasional browsers",
        28,
        197,
        0.55,
        (89, 0.4, 57, 0.22, 2.2, 4.0, 0.55, 485),
        "Beauty",
        "Saturday 11:00",
        "email",
        "D",
        0.93,
        ("tenure", 0.64),
        0.71,
        "A large, quiet group that looks at weekends",
        "They visit twice a month, more than half of it at weekends, and rarely buy.",
        "A low-cost Saturday newsletter with best sellers from Beauty; test before scaling.",
    ),
    Archetype(
        "New customers",
        11,
        392,
        0.41,
        (19, 1.1, 70, 0.25, 6.1, 6.0, 0.33, 64),
        "Fashion",
        "Wednesday 12:00",
        "onsite",
        "B",
        0.91,
        ("tenure", 0.49),
        0.66,
        "Joined in the last two months",
        "Their second order decides what they are worth.",
        "A welcome series with a nudge toward a second order from Fashion, mid-day on the site.",
    ),
    Archetype(
        "Churning customers",
        22,
        89,
        0.86,
        (194, 0.3, 103, 0.19, 0.6, 3.0, 0.30, 762),
        "Outdoor",
        "Tuesday 09:00",
        "email",
        "C",
        0.94,
        ("order_value", 0.72),
        0.78,
        "Used to spend well, quiet for half a year",
        "Their orders were larger than average; the last one is more than six months ago.",
        "One win-back email on Tuesday morning with the category they bought last; stop after two tries.",
    ),
    Archetype(
        "Night-time gadget fans",
        9,
        810,
        0.29,
        (28, 1.5, 121, 0.15, 12.0, 14.0, 0.22, 402),
        "Electronics",
        "Friday 23:00",
        "app",
        "A",
        0.92,
        ("visits", 0.81),
        0.80,
        "Compare a lot, late in the evening",
        "They read twice as many pages a visit as anybody else.",
        "Comparison pages and stock alerts for Electronics in the app, after 22:00.",
    ),
    Archetype(
        "Weekend families",
        13,
        560,
        0.31,
        (26, 1.2, 88, 0.35, 4.2, 6.5, 0.78, 690),
        "Kids",
        "Saturday 09:00",
        "email",
        "B",
        0.90,
        ("timing", 0.62),
        0.77,
        "Shop together on Saturday morning",
        "Eight in ten of their visits fall on a weekend.",
        "A Friday-evening preview of the Kids offers, for Saturday morning.",
    ),
    Archetype(
        "Gift buyers",
        7,
        240,
        0.62,
        (120, 0.2, 160, 0.12, 1.1, 5.0, 0.36, 900),
        "Gifts",
        "Monday 13:00",
        "search",
        "C",
        0.88,
        ("order_value", 0.58),
        0.69,
        "One large basket before the holidays",
        "Two orders a year, both large.",
        "Gift guides in search from mid-November; nothing in spring.",
    ),
    Archetype(
        "Steady restockers",
        10,
        700,
        0.18,
        (21, 1.4, 38, 0.30, 2.1, 2.5, 0.25, 980),
        "Pantry",
        "Monday 08:00",
        "email",
        "A",
        0.96,
        ("frequency", 0.86),
        0.90,
        "The same basket, every three weeks",
        "Short visits, the same items, no surprises.",
        "Offer a subscription for Pantry on Monday morning by email.",
    ),
    Archetype(
        "Returners",
        5,
        60,
        0.58,
        (60, 1.6, 112, 0.28, 8.0, 11.0, 0.40, 350),
        "Fashion",
        "Sunday 15:00",
        "onsite",
        "D",
        0.87,
        ("browsing", 0.55),
        0.61,
        "Order much and send most of it back",
        "Refunds eat most of what they spend.",
        "Better size advice on Fashion pages before any campaign.",
    ),
    Archetype(
        "Window shoppers",
        16,
        20,
        0.90,
        (300, 0.05, 30, 0.40, 5.0, 8.0, 0.45, 210),
        "Home",
        "Thursday 21:00",
        "onsite",
        "D",
        0.93,
        ("visits", 0.74),
        0.72,
        "Many visits, hardly an order",
        "They come often and leave without buying.",
        "No paid contact; improve the Home landing page instead.",
    ),
    Archetype(
        "Seasonal gardeners",
        6,
        330,
        0.47,
        (75, 0.6, 92, 0.20, 2.8, 5.5, 0.60, 840),
        "Garden",
        "Sunday 10:00",
        "email",
        "C",
        0.91,
        ("recency", 0.76),
        0.65,
        "Come with the spring",
        "Nine in ten of their orders fall between March and June.",
        "Start in late February by email with Garden; pause from July.",
    ),
)

HOSTILE_NAMES = (
    "<script>alert('pwn')</script>",
    "\"quotes\" & 'apostrophes' > everything",
    "{{ report.run.seed }} {% raw %} ${7*7}",
    "A segment name that goes on and on " * 6,
    "عملاء أوفياء ذوو قيمة عالية",
    "</title></style><img src=x onerror=alert(1)>",
    "$\\frac{1}{0}$ _hidden_ \u202egnirts\u202c",
    "=cmd|'/c calc'!A1 😀",
)
HOSTILE_CATEGORY = "<img src='http://evil.example/x.png' onerror=alert(2)>{{ 7*7 }}"


@lru_cache(maxsize=1)
def contract() -> dict[str, list[tuple[str, str, bool]]]:
    """Public tables: alias -> [(column, type, not null)]."""
    models = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))["models"]
    return {
        model["name"].removeprefix("segmentry__"): [
            (
                column["name"],
                column["data_type"],
                any(rule["type"] == "not_null" for rule in column.get("constraints", [])),
            )
            for column in model["columns"]
        ]
        for model in models
    }


def make_warehouse(
    path: Path,
    segments: int = 5,
    *,
    customers: int = 300,
    status: str = "ok",
    kind: str | None = "reproducible",
    previous_run: bool = False,
    robustness: bool = True,
    explanations: str = "ok",
    ready: bool = True,
    buyers: bool = True,
    currency: str = "EUR",
    names: Sequence[str] = (),
    category: str | None = None,
    silhouette_prefers_other: bool = True,
    value_problem: str | None = None,
    refit_as_of: dt.datetime | None = None,
) -> Path:
    """Write a DuckDB file with all marts of the contract and return its path.

    `status="insufficient_data"` leaves every segment table empty, "single_segment" leaves one.
    `previous_run` adds history and migrations, `robustness=False` makes every score NULL, `explanations` is
    "ok", "fallback" or "pending", `ready=False` makes every segment fail validation, `buyers=False` takes all
    orders away, `names` replaces the first names, `value_problem` is why no model is behind the value,
    `refit_as_of` makes it a run that only assigns.
    """
    segments = {"ok": segments, "single_segment": 1, "insufficient_data": 0}[status]
    kinds = list(ARCHETYPES[:segments])
    labels = [*names[:segments], *(kind.name for kind in kinds[len(names) :])]
    ids = [f"S{number}" for number in range(1, segments + 1)]
    people = _customers(kinds, ids, labels, customers, previous_run, buyers)
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in contract()}
    people["clv_method"] = "heuristic" if value_problem else "mbg_nbd"
    tables["customers"] = people.to_dict("records")
    for index, (segment_id, label, archetype) in enumerate(zip(ids, labels, kinds, strict=True)):
        members = people[people["segment_id"] == segment_id]
        tests = _scores(archetype)
        decides = {"bootstrap": archetype.bootstrap, "feature_drop": tests["feature_drop", "all"],
                   "time_structure": tests["time_structure", "all"]}  # fmt: skip
        worst = min(decides, key=lambda test: decides[test]) if robustness else None
        score = decides[worst] if worst else None
        valid = ready and robustness and (score or 0) >= 0.6
        total_clv = float(members["clv"].sum())
        everything = float(people["clv"].sum())
        shared = {"segment_id": segment_id, "segment_name": label}
        what = (category or archetype.what) if index != 2 else archetype.what
        tables["segments"].append(
            shared
            | {
                "customer_count": len(members),
                "customer_share": round(len(members) / len(people), 6),
                "total_clv": round(total_clv, 2),
                "total_clv_low": round(0.93 * total_clv, 2),
                "total_clv_high": round(1.07 * total_clv, 2),
                "average_clv": round(total_clv / len(members), 2),
                "clv_share": round(total_clv / everything, 6) if everything else None,
                "net_revenue": round(float(members["net_revenue"].sum()), 2),
                "overall_robustness": score,
                "weakest_test": worst,
                "verdict": _verdict(score),
                "confidence_level": _confidence(score),
                "defining_traits": "category_loyalist, evening_shopper" if index % 2 == 0 else "",
                "is_valid": valid,
                "is_actionable": True,
                "is_production_ready": valid,
                "action_what": what,
                "action_when": archetype.when,
                "action_how": archetype.how if index != 1 else None,
                "action_who": archetype.who,
            }
        )
        tables["segment_features"] += _features(shared, people, members)
        tables["segment_robustness"] += _robustness(shared, tests, robustness)
        tables["segment_validation"] += _checks(shared, score, valid, len(members), total_clv)
        base = max(round(3.4 - 0.55 * index, 2), -0.6)
        roi = (round(max(base - 1.2 - 0.2 * index, -1), 2), base, round(base + 2.2 - 0.1 * index, 2))
        tables["segment_viability"].append(_viability(shared, archetype, members, roi, valid, index))
        tables["segment_actionability"] += _actions(
            shared, archetype, what, len(members), explanations, index
        )
        written = explanations != "pending"
        tables["segment_explanations"].append(
            shared
            | {
                "headline": archetype.headline if written else None,
                "executive_summary": _summary(label, archetype, members, people) if written else None,
                "campaign_recommendation": archetype.advice if written else None,
                "roi_expectation": "Between what was spent and four times that." if written else None,
                "confidence_level": _confidence(score),
                "confidence_justification": f"The weakest test is {worst}." if written else None,
                "roi_low": roi[0], "roi_base": roi[1], "roi_high": roi[2],
                "source": "template",
                "status": explanations,
                "error_kind": "timeout" if explanations == "fallback" else None,
                "error": "no answer within the deadline" if explanations == "fallback" else None,
                "request_key": f"{index:032x}",
                "prompt_version": "1",
                "generated_at": AS_OF,
            }
        )  # fmt: skip
        tables["segment_history"].append(
            shared
            | {
                "as_of": AS_OF, "recorded_at": AS_OF + dt.timedelta(hours=4), "run_id": RUN_ID,
                "customer_count": len(members), "customer_share": round(len(members) / len(people), 6),
                "total_clv": round(total_clv, 2), "overall_robustness": score,
                "matched_by": "overlap" if previous_run else "first_run",
                "match_score": 0.91 if previous_run else None, "merged_from": "",
            }
        )  # fmt: skip
    if previous_run:
        _previous(tables, people, ids, labels)
    if status != "insufficient_data":
        tables["cluster_selection"] = _selection(max(segments, 1), silhouette_prefers_other)
    run = _run(status, kind, segments, len(people), currency, previous_run)
    if refit_as_of:
        run |= {"segmentation_mode": "assign", "model_as_of": refit_as_of, "far_customer_share": 0.023}
    tables["segmentation_runs"].append(run)
    tables["clv_fit"] = [
        {
            "method": method, "customer_count": len(people), "repeat_customer_count": len(people) // 2,
            "fit_ok": method != "heuristic", "spend_fit_ok": method != "heuristic" and not value_problem,
            "reason": (value_problem or "fits") if method != "heuristic" else "a rule that needs no fit",
            "is_clv_method": (method == "heuristic") == bool(value_problem),
            "is_churn_method": method != "heuristic", "as_of": AS_OF,
        }
        for method in ("heuristic", "mbg_nbd")
    ]  # fmt: skip
    _quality(tables)
    _write(path, tables)
    return path


def _verdict(score: float | None) -> str:
    if score is None:
        return "unknown"
    cuts = ((0.85, "highly stable"), (0.75, "stable"), (0.6, "doubtful"))
    return next((word for cut, word in cuts if score >= cut), "unstable")


def _confidence(score: float | None) -> str:
    if score is None:
        return "unknown"
    return "high" if score >= 0.75 else "medium" if score >= 0.6 else "low"


def _customers(
    kinds: list[Archetype], ids: list[str], labels: list[str], count: int, previous_run: bool, buyers: bool
) -> pd.DataFrame:
    """One row per customer with the columns that a report can want, drawn around the archetypes."""
    draw = np.random.default_rng(np.random.SeedSequence([42, len(kinds)]))
    weights = np.array([kind.weight for kind in kinds] or [1.0])
    sizes = np.maximum(np.floor(weights / weights.sum() * count).astype(int), 5)
    frames = []
    for index, size in enumerate(sizes):
        archetype = kinds[index] if kinds else ARCHETYPES[2]
        noise = draw.lognormal(0, 0.25, (size, 8))
        values = np.array(archetype.profile) * noise
        values[:, [3, 6]] = np.clip(values[:, [3, 6]], 0, 1)
        orders = (
            np.maximum(1, np.round(values[:, 1] * values[:, 7] / 30)).astype(int)
            if buyers
            else np.zeros(size, int)
        )
        clv = archetype.clv * draw.lognormal(0, 0.5, size) if buyers else np.zeros(size)
        revenue = np.round(orders * values[:, 2], 2)
        frames.append(
            pd.DataFrame(
                {
                    "segment_id": ids[index] if ids else None,
                    "segment_name": labels[index] if labels else None,
                    "average_order_value": values[:, 2] if buyers else None,
                    "recency_days": np.round(values[:, 0]).astype(int),
                    "order_rate": values[:, 1],
                    "discount_share": values[:, 3],
                    "session_rate": values[:, 4],
                    "pages_per_session": values[:, 5],
                    "weekend_share": values[:, 6],
                    "tenure_days": np.round(values[:, 7]).astype(int),
                    "order_count": orders,
                    "gross_revenue": revenue,
                    "net_revenue": revenue,
                    "clv": np.round(clv, 2),
                    "churn_risk": np.round(
                        np.clip(archetype.churn_risk * draw.lognormal(0, 0.1, size), 0, 1), 4
                    ),
                    "is_boundary": draw.random(size) < 0.2 if ids else None,
                }
            )
        )
    people = pd.concat(frames, ignore_index=True)
    people["customer_id"] = [f"customer-{number:06d}" for number in range(len(people))]
    people["previous_segment_id"] = None
    if previous_run and ids:
        # Every seventh customer came from one of three other segments; every fortieth was not known before.
        current = people["segment_id"].map({segment_id: place for place, segment_id in enumerate(ids)})
        number = np.arange(len(people))
        step = np.where(number % 7 == 0, np.array([1, 1, 1, 2, 1, 3])[number // 7 % 6], 0)
        previous = (current + step) % len(ids)
        people["previous_segment_id"] = [
            None if place % 40 == 3 else ids[origin] for place, origin in enumerate(previous)
        ]
    for column in (
        *("refund_amount", "revenue_90d", "revenue_365d", "orders_90d", "session_count", "page_views"),
        *("items_viewed", "cart_additions", "category_count", "merged_id_count"),
    ):
        people[column] = 0
    people["first_seen_at"] = people["last_seen_at"] = AS_OF
    people["behaviour_type"] = "regular" if buyers else "none"
    people["clv_method"] = people["churn_method"] = "heuristic"
    people["model_fit_ok"] = True
    return people


def _summary(label: str, archetype: Archetype, members: pd.DataFrame, people: pd.DataFrame) -> str:
    """As long as the built-in template's."""
    return (
        f"{label}: {len(members)} customers, {len(members) / len(people):.0%} of all: "
        f"{members['clv'].mean():,.0f} each, against {people['clv'].mean():,.0f} for the average customer. "
        f"{archetype.summary} What sets them apart from the average customer: orders a month "
        f"({members['order_rate'].mean():.1f} against {people['order_rate'].mean():.1f}), share of spending "
        "saved by discounts and time since the last order."
    )


def _features(shared: dict[str, Any], people: pd.DataFrame, members: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for feature, (block, unit) in FEATURES.items():
        everybody = pd.to_numeric(people[feature]).fillna(0)
        mine = pd.to_numeric(members[feature]).fillna(0)
        spread = float(np.log1p(everybody).std(ddof=0))
        z_score = float((np.log1p(mine) - np.log1p(everybody).mean()).mean() / spread) if spread else 0.0
        label = (
            "much lower" if z_score < -1 else "lower" if z_score < -0.5 else "much higher" if z_score > 1
            else "higher" if z_score > 0.5 else "average"
        )  # fmt: skip
        rows.append(
            shared
            | {
                "feature": feature, "block": block, "unit": unit,
                "mean": round(float(mine.mean()), 6), "median": round(float(mine.median()), 6),
                "population_mean": round(float(everybody.mean()), 6),
                "population_median": round(float(everybody.median()), 6),
                "z_score": round(z_score, 6),
                "lift": round(float(mine.mean() / everybody.mean()), 6) if everybody.mean() else None,
                "label": label, "is_distinctive": label != "average",
            }
        )  # fmt: skip
    return rows


def _scores(archetype: Archetype) -> dict[tuple[str, str], float | None]:
    """Score of every test and variant; "all" is the mean over the variants that ran."""
    drops = {block: round(0.5 + archetype.bootstrap / 2, 6) for block, _ in FEATURES.values()}
    drops[archetype.worst_drop[0]] = archetype.worst_drop[1]
    windows = {"last_365_days": archetype.time, "last_180_days": round(archetype.time - 0.03, 6)}
    scores: dict[tuple[str, str], float | None] = {
        ("bootstrap", "fixed_m"): archetype.bootstrap,
        ("bootstrap", "full_n"): archetype.bootstrap,
        ("feature_drop", "all"): round(sum(drops.values()) / len(drops), 6),
        ("time_structure", "all"): round(sum(windows.values()) / len(windows), 6),
        ("time_structure", "last_90_days"): None,
        ("time_migration", "without_last_90_days"): round(archetype.time - 0.05, 6),
        ("time_migration", "all"): round(archetype.time - 0.05, 6),
        ("seed", "single_start"): 0.93,
    }
    scores |= {("feature_drop", block): score for block, score in drops.items()}
    return scores | {("time_structure", window): score for window, score in windows.items()}


def _robustness(
    shared: dict[str, Any], scores: dict[tuple[str, str], float | None], ran: bool
) -> list[dict[str, Any]]:
    deciding = {("bootstrap", "fixed_m"), ("feature_drop", "all"), ("time_structure", "all")}
    rows = []
    for (test, variant), score in sorted(scores.items()):
        found = score if ran else None
        rows.append(
            shared
            | {
                "test": test, "variant": variant,
                "replicate_count": 0 if found is None else 100 if test == "bootstrap" else 1,
                "mean_score": found,
                "sd": 0.03 if found is not None and test == "bootstrap" else None,
                "q05": round(found - 0.06, 6) if found is not None and test == "bootstrap" else found,
                "q95": round(min(found + 0.03, 1), 6) if found is not None and test == "bootstrap" else found,
                "verdict": _verdict(found), "is_deciding": (test, variant) in deciding,
                "reason": None if found is not None else
                ("the window holds fewer than half of the customers" if ran else "fewer than 100 customers"),
            }
        )  # fmt: skip
    return rows


def _checks(
    shared: dict[str, Any], score: float | None, valid: bool, size: int, total: float
) -> list[dict[str, Any]]:
    passed_robustness = score is not None and score >= 0.6
    found = "could not be measured" if score is None else f"{score:.3f}"
    rows = [
        ("minimum_customers", size >= 10, size, 10, "error", f"Customers {size}, needs at least 10"),
        ("minimum_total_clv", total >= 1000, round(total, 2), 1000, "error",
         f"Total lifetime value {total:.2f}, needs at least 1000.00"),
        ("minimum_robustness", passed_robustness, score, 0.6, "error",
         f"Overall robustness {found}, needs at least 0.600"),
        ("minimum_roi", True, 1.2, 0.5, "warning", "Expected return on a campaign 1.20, needs at least 0.50"),
    ]  # fmt: skip
    if not valid and passed_robustness:
        rows.append(
            ("maximum_share", False, 0.7, 0.5, "error", "Share of customers 0.700, may be at most 0.500")
        )
    return [
        shared
        | {
            "rule": rule, "is_passed": passed, "value": value, "threshold": threshold,
            "severity": severity, "is_waived": False, "reason": reason,
        }
        for rule, passed, value, threshold, severity, reason in rows
    ]  # fmt: skip


def _viability(
    shared: dict[str, Any],
    archetype: Archetype,
    members: pd.DataFrame,
    roi: tuple[float, float, float],
    valid: bool,
    index: int,
) -> dict[str, Any]:
    cost = round(150 + 0.4 * len(members), 2)
    return shared | {
        "channel": archetype.how,
        "is_shipped_assumption": False,
        "reachable_count": int(len(members) * 0.8),
        "cost_amount": cost,
        "cost_to_clv": round(cost / float(members["clv"].sum()), 6) if members["clv"].sum() else None,
        "value_at_stake_amount": round(float((members["clv"] * members["churn_risk"]).sum()), 2),
        "roi_low": roi[0],
        "roi_base": roi[1],
        "roi_high": roi[2],
        "break_even_uplift": 0.006,
        "targetability_score": round(0.9 - 0.06 * index, 2),
        "sales_priority_score": round(1 / (index + 1), 2),
        "personalisation_score": round(0.35 + 0.04 * index, 2),
        "timing_score": round(0.7 - 0.05 * index, 2),
        "revenue_impact_amount": round(cost * (1 + roi[1]), 2),
        "retention_impact_score": archetype.churn_risk,
        "satisfaction_impact_score": 0.1,
        "decision": "reject" if not valid else "pursue" if roi[0] > 0 else "test",
        "rejection_reasons": "; ".join(
            ([] if valid else ["Overall robustness 0.490, needs at least 0.600"])
            + ([] if roi[0] >= 0 else ["The low guess of the uplift returns less than it costs"])
        ),
    }


def _actions(
    shared: dict[str, Any], archetype: Archetype, what: str, size: int, status: str, index: int
) -> list[dict[str, Any]]:
    chosen: dict[str, tuple[str | None, float]] = {
        "what": (what, 2.4),
        "when": (archetype.when, 1.6),
        "how": (archetype.how, 1.05) if index == 1 else (archetype.how, 1.9),
        "who": (archetype.who, 3.1),
    }
    if index == 3:
        chosen["how"] = (None, 0.0)
    rows = []
    for dimension, (candidate, lift) in chosen.items():
        found = candidate is not None
        rows.append(
            shared
            | {
                "dimension": dimension, "candidate": candidate,
                "candidate_share": 0.46 if found else None, "lift": lift if found else None,
                "support_count": int(size * 0.46) if found else 0,
                "strength": round(min(1.0, max(0.0, (lift - 1) / 2)), 2),
                "is_actionable": found and lift >= 1.2,
                "recommendation": f"Use {candidate}." if found else "Nothing stands out.",
                "source": "template", "status": status, "request_key": f"{index:032x}",
            }
        )  # fmt: skip
    return rows


def _previous(
    tables: dict[str, list[dict[str, Any]]], people: pd.DataFrame, ids: list[str], labels: list[str]
) -> None:
    """Add the run before this one: its row, its segments and where everybody came from."""
    names = dict(zip(ids, labels, strict=True))
    known = people[people["previous_segment_id"].notna()]
    before = known["previous_segment_id"].value_counts()
    for (origin, target), group in known.groupby(["previous_segment_id", "segment_id"], sort=True):
        tables["segment_migrations"].append(
            {
                "from_run_id": PREVIOUS_RUN_ID, "to_run_id": RUN_ID,
                "from_segment_id": origin, "to_segment_id": target,
                "from_label": f"{names[origin]} (before)", "to_label": f"{names[target]} (now)",
                "customer_count": len(group), "customer_share": round(len(group) / int(before[origin]), 6),
                "boundary_count": int(group["is_boundary"].sum()), "is_move": origin != target,
            }
        )  # fmt: skip
    for segment_id in ids:
        tables["segment_history"].append(
            {
                "run_id": PREVIOUS_RUN_ID, "as_of": PREVIOUS_AS_OF,
                "recorded_at": PREVIOUS_AS_OF + dt.timedelta(hours=4),
                "segment_id": segment_id, "segment_name": names[segment_id],
                "customer_count": int(before.get(segment_id, 0)),
                "customer_share": round(int(before.get(segment_id, 0)) / len(known), 6),
                "total_clv": 1000, "overall_robustness": 0.8, "matched_by": "first_run", "merged_from": "",
            }
        )  # fmt: skip
    tables["segmentation_runs"].append(
        _run("ok", "reproducible", len(ids), len(known), "EUR", False)
        | {"run_id": PREVIOUS_RUN_ID, "as_of": PREVIOUS_AS_OF,
           "recorded_at": PREVIOUS_AS_OF + dt.timedelta(hours=4),
           "observation_end_date": dt.date(2026, 8, 31)}
    )  # fmt: skip


def _selection(chosen: int, prefers_other: bool) -> list[dict[str, Any]]:
    best = 3 if prefers_other and chosen != 3 else chosen
    return [
        {
            "k": k,
            "inertia": round(30000 / (k + 0.6), 2),
            "silhouette": None
            if k == 1
            else round(0.31 - 0.03 * abs(k - best) + (0.02 if k == chosen else 0), 4),
            "smallest_share": round(0.6 / k, 4),
            "is_elbow": k == chosen,
            "is_silhouette_best": k == best,
            "is_chosen": k == chosen,
            "reason": "chosen: the elbow of the inertia curve" if k == chosen else "not chosen",
        }
        for k in range(1 if chosen == 1 else 2, 13)
    ]


def _run(
    status: str, kind: str | None, segments: int, customers: int, currency: str, previous: bool
) -> dict[str, Any]:
    reasons = {
        "ok": "The customers were segmented.",
        "single_segment": "all customers have the same features",
        "insufficient_data": "31 customers, fewer than the 50 that are needed",
    }
    return {
        "run_id": RUN_ID,
        "recorded_at": AS_OF + dt.timedelta(hours=4),
        "as_of": AS_OF,
        "observation_end_date": dt.date(2026, 9, 30),
        "status": status,
        "status_reason": reasons[status],
        "segmentation_kind": kind if status == "ok" else None,
        "segment_count": segments,
        "segmentation_mode": "refit",
        "model_as_of": AS_OF,
        "customer_count": customers,
        "model_customer_count": customers,
        "event_count": 120_000,
        "events_used": 118_000,
        "events_outside_window": 1_500,
        "events_rejected": 500,
        "events_on_retired_id": 12,
        "merge_count": 240,
        "merges_rejected": 6,
        "reporting_currency": currency,
        "time_zone": "Europe/Amsterdam",
        "seed": 42,
        "segment_method": "auto",
        "ari_to_previous": 0.87 if previous else None,
        "version": "0.1.0",
        "settings_hash": "3b1f",
        "input_hash": "77aa",
        "customers_hash": "c0de",
        "members_hash": "beef",
    }


def _quality(tables: dict[str, list[dict[str, Any]]]) -> None:
    for reason, count in {
        "duplicate": 410,
        "missing_customer_id": 60,
        "future_time": 29,
        "<b>odd</b>": 1,
    }.items():
        tables["rejected_events"] += [{"reason": reason}] * count
    for reason, count in {"self_merge": 4, "empty_new_id": 2}.items():
        tables["id_merge_rejects"] += [{"reason": reason}] * count
    moment = AS_OF
    for place, status in enumerate(["survivor", "direct", "direct", "chain", "cycle", "cycle"]):
        tables["customer_merge_map"].append(
            {
                "id": f"id-{place}",
                "customer_id": "id-0",
                "depth": place,
                "status": status,
                "merged_at": moment,
            }
        )
    for place in (1, 2):
        tables["id_merge_cycles"].append(
            {"cycle_id": "id-4", "cycle_length": 2, "position": place, "id": f"id-{3 + place}",
             "next_id": f"id-{6 - place}", "merged_at": moment}
        )  # fmt: skip
    tables["id_merge_conflicts"].append(
        {"old_id": "id-1", "kept_id": "id-0", "dropped_id": "id-9", "kept_at": moment, "dropped_at": moment}
    )


def _write(path: Path, tables: dict[str, list[dict[str, Any]]]) -> None:
    with duckdb.connect(str(path)) as connection:
        # A file that is itself called segmentry.duckdb makes `segmentry.segments` ambiguous.
        schema = f'"{path.stem}".segmentry'
        connection.execute(f"create schema {schema}")
        for table, columns in contract().items():
            definition = ", ".join(
                f'"{name}" {kind}{" not null" if needed else ""}' for name, kind, needed in columns
            )
            connection.execute(f"create table {schema}.{table} ({definition})")
            if not tables[table]:
                continue
            rows = [{"run_id": RUN_ID, "model_run_id": RUN_ID} | row for row in tables[table]]
            frame = pd.DataFrame(
                {
                    name: pd.Series([_clean(row.get(name)) for row in rows], dtype=object)
                    for name, _, _ in columns
                }
            )
            connection.register("frame", frame)
            cast = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind, _ in columns)
            connection.execute(f"insert into {schema}.{table} select {cast} from frame")
            connection.unregister("frame")


def _clean(value: Any) -> Any:
    """NULL for what pandas made a NaN."""
    return None if isinstance(value, float) and np.isnan(value) else value
