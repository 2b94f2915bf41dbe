"""Facts of invented segments, from a star to one that nobody should contact."""

from __future__ import annotations

import copy
import json
from typing import Any

from segmentry.explain import SegmentFacts, parse_facts

__all__ = ["CASES", "document", "facts"]

_STAR: dict[str, Any] = {
    "schema_version": "1",
    "currency": "EUR",
    "clv_horizon_days": 364,
    "churn_horizon_days": 182,
    "action_lift": 1.2,
    "segment": {
        "segment_id": "S1",
        "segment_name": "Frequent big spenders",
        "customer_count": 1234,
        "customer_share": 0.1234,
        "total_clv": 382540.0,
        "average_clv": 310.0,
        "average_clv_all": 95.12,
        "clv_share": 0.4021,
        "net_revenue": 901234.5,
        "order_count": 15000,
        "average_order_value": 61.5,
        "average_churn_risk": 0.21,
        "value_at_stake_amount": 65032.11,
    },
    "features": [
        {
            "feature": "order_rate",
            "label": "Orders a month",
            "block": "frequency",
            "unit": "orders a month",
            "mean": 2.13,
            "population_mean": 0.61,
            "lift": 3.49,
        },
        {
            "feature": "recency_days",
            "label": "Days since last order",
            "block": "recency",
            "unit": "days",
            "mean": 12.4,
            "population_mean": 85.2,
            "lift": 0.15,
        },
        {
            "feature": "average_order_value",
            "label": "Order value",
            "block": "order_value",
            "unit": "currency",
            "mean": 61.5,
            "population_mean": 40.25,
            "lift": 1.53,
        },
    ],
    "traits": [
        {
            "trait": "weekend_shopper",
            "dimension": "when",
            "trait_share": 0.41,
            "population_share": 0.2,
            "lift": 2.05,
        }
    ],
    "actions": [],
    "returns": {
        "channel": "email",
        "reachable_count": 1100,
        "contacts": 3.0,
        "contact_cost": 0.02,
        "fixed_cost": 500.0,
        "incentive": 5.0,
        "gross_margin": 0.4,
        "average_order_value": 60.1,
        "uplift_low": 0.01,
        "uplift_base": 0.03,
        "uplift_high": 0.06,
        "conversions_base": 33.0,
        "cost_amount": 731.0,
        "margin_amount": 793.32,
        "roi_low": -0.57,
        "roi_base": 0.0853,
        "roi_high": 0.7698,
        "break_even_uplift": 0.0271,
        "is_shipped_assumption": True,
    },
    "confidence": {
        "confidence_level": "high",
        "overall_robustness": 0.81,
        "weakest_test": "bootstrap",
        "missing_tests": "",
        "worst_block": "frequency",
        "worst_block_jaccard": 0.83,
        "medium_from": 0.6,
        "high_from": 0.75,
    },
    "decision": {
        "decision": "test",
        "failed_rules": [],
        "is_valid": True,
        "is_actionable": True,
        "is_production_ready": True,
    },
}


def _actions(**candidates: tuple[str, float, float, int, bool]) -> list[dict[str, Any]]:
    return [
        {
            "dimension": key.split("_")[0],
            "candidate_rank": int(key.partition("_")[2] or 1),
            "candidate": name,
            "candidate_share": share,
            "population_share": base,
            "lift": round(share / base, 6),
            "support_count": support,
            "is_actionable": actionable,
        }
        for key, (name, share, base, support, actionable) in candidates.items()
    ]


def document(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the star's facts with some of them changed; keys are paths such as ``segment.clv_share``."""
    changed = copy.deepcopy(_STAR)
    for path, value in changes.items():
        part, _, field = path.partition(".")
        if field:
            changed[part][field] = copy.deepcopy(value)
        else:
            changed[part] = copy.deepcopy(value)
    return changed


_NO_ORDERS = {
    "segment.segment_name": "Browsers without orders",
    "segment.total_clv": 0.0,
    "segment.average_clv": 0.0,
    "segment.clv_share": 0.0,
    "segment.net_revenue": 0.0,
    "segment.order_count": 0,
    "segment.average_order_value": None,
    "segment.average_churn_risk": None,
    "segment.value_at_stake_amount": 0.0,
}
_LOSS = {"returns.roi_low": -0.93, "returns.roi_base": -0.8, "returns.roi_high": -0.6}
_GAIN = {"returns.roi_low": 0.12, "returns.roi_base": 0.9, "returns.roi_high": 2.1}
_REJECT = {"decision.decision": "reject", "decision.is_production_ready": False}

CASES: dict[str, dict[str, Any]] = {
    "star": {
        "actions": _actions(
            what=("Garden", 0.42, 0.18, 518, True),
            what_2=("Toys", 0.3, 0.17, 370, True),
            what_3=("Books", 0.2, 0.19, 246, False),
            when=("Thursday 19:00", 0.22, 0.11, 271, True),
            how=("paid_search", 0.35, 0.33, 430, False),
            who=("A", 0.61, 0.2, 753, True),
        )
    },
    "pursue": {
        **_GAIN,
        "decision.decision": "pursue",
        "returns.is_shipped_assumption": False,
        "actions": _actions(how=("email", 0.6, 0.3, 700, True)),
    },
    "lapsing": {
        **_LOSS,
        **_REJECT,
        "segment.segment_name": "Lapsing bargain hunters",
        "segment.customer_share": 0.31,
        "segment.clv_share": 0.05,
        "segment.average_churn_risk": 0.87,
        "features": [
            {
                "feature": "discount_share",
                "label": "Bought on discount",
                "block": "discount",
                "unit": "share",
                "mean": 0.31,
                "population_mean": 0.11,
                "lift": 2.82,
            }
        ],
        "actions": _actions(what=("Home > Kitchen", 0.3, 0.2, 92, True)),
        "confidence": {
            "confidence_level": "low",
            "overall_robustness": 0.412,
            "weakest_test": "feature_drop (discount)",
            "missing_tests": "time_structure",
            "worst_block": "discount",
            "worst_block_jaccard": 0.298,
            "medium_from": 0.6,
            "high_from": 0.75,
        },
        "decision.is_valid": False,
        "decision.failed_rules": ["minimum_robustness", "minimum_total_clv"],
    },
    "no_orders": {
        **_NO_ORDERS,
        **_REJECT,
        "returns.margin_amount": 0.0,
        "returns.roi_low": -1.0,
        "returns.roi_base": -1.0,
        "returns.roi_high": -1.0,
        "returns.break_even_uplift": None,
        "decision.is_actionable": False,
        "confidence.confidence_level": "medium",
        "confidence.overall_robustness": 0.7496,
        "confidence.weakest_test": "time_structure",
    },
    "unknown": {
        "features": [],
        "traits": [],
        "actions": _actions(
            what=("Books", 0.2, 0.19, 99, False),
            when=("Sunday 10:00", 0.03, 0.01, 26, False),
            who=("B", 0.3, 0.1, 300, True),
        ),
        "confidence": {
            "confidence_level": "unknown",
            "overall_robustness": None,
            "weakest_test": None,
            "missing_tests": "bootstrap,feature_drop,time_structure",
            "worst_block": None,
            "worst_block_jaccard": None,
            "medium_from": 0.6,
            "high_from": 0.75,
        },
    },
    "no_actions": {
        **_REJECT,
        "features": [],
        "decision.is_actionable": False,
        "returns.channel": "default",
        "returns.roi_low": -0.5,
        "returns.roi_base": -0.2,
        "returns.roi_high": 0.1,
    },
    "steady": {
        **_GAIN,
        "segment.segment_name": "Steady middle",
        "segment.clv_share": 0.13,
        "segment.average_clv": 98.2,
        "segment.average_churn_risk": 0.55,
        "features": [],
        "traits": [],
        "actions": _actions(who=("C", 0.7, 0.5, 800, True)),
        "decision.decision": "test",
        "confidence.missing_tests": "time_structure",
        "decision.is_production_ready": False,
    },
    "refunders": {
        **_REJECT,
        "segment.segment_name": "Returners",
        "segment.total_clv": 0.0,
        "segment.average_clv": 0.0,
        "segment.clv_share": 0.0,
        "segment.net_revenue": -320.55,
        "segment.value_at_stake_amount": 0.0,
        "returns.channel": None,
        "returns.reachable_count": 0,
        "returns.roi_low": -1.0,
        "returns.roi_base": -1.0,
        "returns.roi_high": -1.0,
    },
    "certain_loss": {
        **_LOSS,
        "actions": _actions(what=("Garden", 0.42, 0.18, 518, True), how=("email", 0.6, 0.3, 700, True)),
    },
    "no_assumptions": {
        "returns.uplift_base": None,
        "returns.roi_low": None,
        "returns.roi_base": None,
        "returns.roi_high": None,
        "returns.break_even_uplift": None,
        "actions": _actions(what=("Garden", 0.42, 0.18, 518, True)),
    },
    "hostile_names": {
        "currency": "CHF",
        "segment.segment_name": "{{average_clv}} of 5 <b>\u202e\n",
        "features": [
            {
                "feature": "shelf_7_share",
                "label": "Bought at shelf 7",
                "block": "shelf",
                "unit": "share",
                "mean": 0.0123,
                "population_mean": 0.004,
                "lift": 3.075,
            }
        ],
        "actions": _actions(
            what=("{{total_clv}} 3-for-2 {% raw %} " + "toys & games " * 9, 0.3, 0.1, 300, True),
            when=("Thursday 19:00", 0.3, 0.1, 300, True),
            how=("ann@example.org", 0.4, 0.1, 300, True),
        ),
    },
}


def facts(case: str, **changes: Any) -> SegmentFacts:
    """Return the validated facts of a case."""
    return parse_facts(json.dumps(document({**CASES[case], **changes})))
