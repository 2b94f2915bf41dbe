"""The layer `assessment`, recomputed in pandas from the tables that it reads.

Two warehouses: the demo as `make build` leaves it, and a project of this layer alone over random customers,
with consents, waivers, ties, missing values and names that look like a person's address.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import numpy as np
import pandas as pd
import pytest
import yaml

REPO = Path(__file__).parents[2]
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
DIMENSIONS = ["what", "when", "how", "who"]
DEFAULTS: dict[str, Any] = yaml.safe_load((REPO / "dbt_project.yml").read_text())["vars"]["segmentry"]
RANDOM_VARS: dict[str, Any] = {
    "segmentry_minimum_support": 6,
    "segmentry_action_share": 0.08,
    "segmentry_holdout_share": 0.3,
    "segmentry_holdout_salt": "it's salt",
    "segmentry_rule_minimum_average_clv": 60,
    "segmentry_rule_minimum_total_clv": 3000,
    "segmentry_campaign_assumptions": "{{ ref('given_assumptions') }}",
    "segmentry_validation_waivers": "{{ ref('given_waivers') }}",
    "segmentry_consents": "{{ ref('given_consents') }}",
}


@dataclass(frozen=True)
class Warehouse:
    """A finished build, the vars that it was made with, and its tables as frames."""

    path: Path
    settings: dict[str, Any]

    def table(self, name: str) -> pd.DataFrame:
        """Return an internal table; decimals become floats."""
        return _read(self.path, name).copy()

    def var(self, name: str) -> Any:
        """Return a var by its name without prefix."""
        return self.settings[f"segmentry_{name}"]


@functools.cache
def _read(path: Path, name: str) -> pd.DataFrame:
    with duckdb.connect(str(path), read_only=True) as connection:
        frame: pd.DataFrame = connection.sql(f"select * from segmentry_internal.{name}").df()
    return frame


# ---- A warehouse of random customers ----------------------------------------------------------------


def _random_profiles(rng: np.random.Generator, segments: np.ndarray) -> pd.DataFrame:
    size = len(segments)
    sessions = rng.poisson(1 + 4 * segments) * (rng.random(size) > 0.1)
    orders = rng.poisson(0.7 * segments) * (rng.random(size) > 0.1)
    gross = (orders * rng.gamma(2, 20, size)).round(2)
    refund = np.where(rng.random(size) < 0.2, (gross * rng.uniform(0, 1.3, size)).round(2), 0)
    carts = rng.binomial(sessions, 0.5)

    def share(shown: np.ndarray) -> np.ndarray:
        return np.where(shown, rng.beta(1, 1, size).round(6), np.nan)

    def whole(shown: np.ndarray, values: np.ndarray) -> pd.Series:
        return pd.Series(values, dtype="Int64").where(shown)

    def mostly(own: np.ndarray, others: np.ndarray) -> np.ndarray:
        return np.where(rng.random(size) < 0.5, own, others)

    favourite = segments % 4
    return pd.DataFrame(
        {
            "customer_id": [f"c{number:04d}" for number in range(size)],
            "gross_revenue": gross,
            "refund_amount": refund,
            "net_revenue": (gross - refund).round(2),
            "refund_rate": np.where(gross > 0, (refund / np.where(gross > 0, gross, 1)).round(6), np.nan),
            "order_count": orders,
            "discount_share": np.where(orders > 0, rng.beta(1, 5, size).round(6), np.nan),
            "session_count": sessions,
            "cart_session_count": carts,
            "bounce_rate": share(sessions > 0),
            "cart_abandonment_rate": share(carts > 0),
            "preferred_hour": whole(
                rng.random(size) > 0.25, mostly(5 * favourite + 3, rng.integers(24, size=size))
            ),
            "preferred_hour_share": share(sessions > 0),
            "preferred_weekday": whole(sessions > 0, mostly(favourite + 2, rng.integers(1, 8, size))),
            "weekend_share": share(sessions > 0),
            "top_category": mostly(
                np.array(
                    ["Shoes", "ann@example.org", "Sale 2024/25 20%", "call +49 170 1234567"], dtype=object
                )[favourite],
                rng.choice(np.array(["Shoes", "Hats", "Bags", " ", None], dtype=object), size),
            ),
            "top_category_share": share(np.ones(size, dtype=bool)),
            "top_channel": mostly(
                np.array(["Email", "push", "carrier pigeon", "Email"], dtype=object)[favourite],
                rng.choice(
                    np.array(["Email", "push", "sms", " Organic", "Direct", None], dtype=object), size
                ),
            ),
            "mobile_share": share(sessions > 0),
            "tenure_days": rng.integers(0, 900, size),
            "recency_days": whole(orders > 0, rng.integers(0, 500, size)),
            "churn_risk": rng.beta(1, 1, size).round(6),
            "clv": (gross * rng.uniform(0, 2, size)).round(0),
            "value_tier": rng.choice(list("ABCD"), size, p=[0.1, 0.2, 0.4, 0.3]),
        }
    )


def _random_tables() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(np.random.SeedSequence([42, 9]))
    segments = np.repeat([1, 2, 3, 4, 5, 6], [310, 90, 60, 50, 30, 4])
    profiles = _random_profiles(rng, segments)
    # Customers who are too new to be segmented are in the profiles alone.
    members = pd.DataFrame(
        {
            "customer_id": profiles["customer_id"],
            "cluster": segments,
            "segment_id": [f"S{n}" for n in segments],
        }
    )
    members = members.iloc[: len(members) - 1].sample(frac=1, random_state=1)
    members["segment_name"] = "Segment " + members["segment_id"]

    joined = members.merge(profiles, on="customer_id")
    summary = joined.groupby(["segment_id", "segment_name"], as_index=False).agg(
        customer_count=("customer_id", "size"),
        total_clv=("clv", "sum"),
        net_revenue=("net_revenue", "sum"),
        order_count=("order_count", "sum"),
    )
    summary["customer_share"] = (summary["customer_count"] / summary["customer_count"].sum()).round(9)
    summary["average_clv"] = (summary["total_clv"] / summary["customer_count"]).round(2)
    summary["clv_share"] = (summary["total_clv"] / summary["total_clv"].sum()).round(9)
    summary["value_at_stake_amount"] = (summary["total_clv"] * rng.uniform(0, 1, len(summary))).round(2)
    summary["overall_robustness"] = [0.81, 0.6, 0.59, None, 0.7, 0.9]
    summary["segmentation_kind"] = ["natural", "reproducible", "natural", None, "constructive", "natural"]
    summary["missing_tests"] = ["", "", "", "bootstrap, feature_drop, time_structure", "time_structure", ""]

    days = pd.DataFrame(
        {
            "customer_id": rng.choice(profiles["customer_id"], 3000),
            "order_date": pd.Timestamp("2022-10-01") + pd.to_timedelta(rng.integers(0, 900, 3000), unit="D"),
        }
    )
    # Some come in one quarter only.
    autumn = days["customer_id"].str.endswith(("3", "7"))
    days.loc[autumn, "order_date"] -= pd.to_timedelta(
        (days.loc[autumn, "order_date"].dt.quarter - 1) * 91, unit="D"
    )
    days = days.drop_duplicates().assign(order_count=1)

    affinity = pd.DataFrame(
        {
            "customer_id": rng.choice(profiles["customer_id"], 1500),
            "category_level": rng.integers(1, 4, 1500),
            "category": rng.choice(["Shoes", "Hats"], 1500),
            **{f"{name}_count": rng.integers(0, 3, 1500) for name in ("view", "cart", "purchase")},
        }
    ).drop_duplicates(["customer_id", "category_level", "category"])

    merged = profiles["customer_id"].sample(60, random_state=2)
    return {
        "int_segmentry__run": pd.DataFrame(
            {"as_of": [pd.Timestamp("2025-01-15")], "observation_end_date": [pd.Timestamp("2025-01-14")]}
        ),
        "int_segmentry__profiles_joined": profiles,
        "int_segmentry__members_identified": members,
        "int_segmentry__segments_summarised": summary,
        "int_segmentry__purchase_days_built": days,
        "int_segmentry__affinity_counted": affinity,
        "int_segmentry__merge_map_resolved": pd.DataFrame(
            {"id": [f"old-{key}" for key in merged], "customer_id": merged}
        ),
        "given_assumptions": pd.DataFrame(
            [
                {
                    "channel": "Default",
                    "fixed_cost": 20,
                    "contact_cost": 0.05,
                    "contacts": 3,
                    "incentive": 0,
                    "gross_margin": 0.4,
                },
                {
                    "channel": "email",
                    "fixed_cost": 5,
                    "contact_cost": 0.002,
                    "contacts": 4,
                    "incentive": 1.5,
                    "gross_margin": 0.4,
                },
                {
                    "channel": "push",
                    "fixed_cost": 5,
                    "contact_cost": 0.001,
                    "contacts": 4,
                    "incentive": 90,
                    "gross_margin": 0.4,
                },
            ]
        ).assign(
            uplift_low=[0.005, 0.02, 0.005],
            uplift_base=[0.02, 0.04, 0.02],
            uplift_high=0.05,
            is_example=[True, False, False],
        ),
        "given_waivers": pd.DataFrame(
            [
                ["*", "minimum_average_clv", "known", None],
                ["S3", "minimum_robustness", "agreed; until spring", "2025-01-15"],
                ["S4", "minimum_robustness", "too late", "2025-01-14"],
                ["S5", "maximum_missing_tests", "young shop", None],
            ],
            columns=["segment_id", "rule", "reason", "expires_on"],
        ),
        "given_consents": pd.DataFrame(
            [
                *(
                    {
                        "customer_id": f"  old-{key} ",
                        "channel": "E-MAIL" if at % 3 else "EMAIL",
                        "is_contactable": False,
                    }
                    for at, key in enumerate(merged)
                ),
                *(
                    {"customer_id": key, "channel": "push", "is_contactable": bool(at % 2)}
                    for at, key in enumerate(profiles["customer_id"][300:420])
                ),
                *(
                    {"customer_id": key, "channel": "", "is_contactable": None}
                    for key in profiles["customer_id"][420:440]
                ),
            ]
        ),
    }


def _write_tables(path: Path, tables: dict[str, pd.DataFrame]) -> None:
    money = {
        "gross_revenue",
        "refund_amount",
        "net_revenue",
        "clv",
        "total_clv",
        "average_clv",
        "value_at_stake_amount",
    }
    dates = {"order_date", "observation_end_date", "expires_on"}
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema fixture")
        for name, frame in tables.items():
            columns = [
                f"cast({column} as {'decimal(18, 2)' if column in money else 'date'}) as {column}"
                if column in money | dates
                else column
                for column in frame.columns
            ]
            connection.register("frame", frame)
            connection.execute(f"create table fixture.{name} as select {', '.join(columns)} from frame")


@pytest.fixture(scope="module")
def random_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the layer alone, over tables of random customers in place of what lies upstream."""
    project = tmp_path_factory.mktemp("assessment")
    database = project / "warehouse.duckdb"
    tables = _random_tables()
    _write_tables(database, tables)

    shutil.copytree(REPO / "macros", project / "macros")
    shutil.copytree(
        REPO / "models" / "assessment",
        project / "models" / "assessment",
        # Lift reads earlier runs, of which there are none here; it has unit tests.
        ignore=shutil.ignore_patterns("_unit_tests.yml", "*lift_measured.sql"),
    )
    for blocks in (REPO / "models").rglob("_docs.md"):
        shutil.copy(blocks, project / "models")
    (project / "models" / "upstream").mkdir()
    for name in tables:
        (project / "models" / "upstream" / f"{name}.sql").write_text(f"select * from fixture.{name}")
    for name in ("campaign_assumptions", "validation_waivers", "consents"):
        shutil.copy(REPO / "models" / "staging" / f"stg_segmentry__{name}.sql", project / "models")
    (project / "dbt_project.yml").write_text(
        yaml.safe_dump(
            {
                "name": "segmentry",
                "profile": "segmentry",
                "models": {"segmentry": {"+materialized": "table", "+schema": "internal"}},
                "vars": {"segmentry": DEFAULTS | RANDOM_VARS},
            }
        )
    )
    output = {"type": "duckdb", "path": str(database), "schema": "segmentry", "threads": 1}
    (project / "profiles.yml").write_text(
        yaml.safe_dump({"segmentry": {"target": "dev", "outputs": {"dev": output}}})
    )
    finished = subprocess.run(
        [str(Path(sys.executable).with_name("dbt")), "build"],
        cwd=project,
        env=os.environ | {"DBT_PROFILES_DIR": str(project), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
    return database


@pytest.fixture(params=["demo", "random"])
def warehouse(request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    """Return the two builds, one after the other."""
    if request.param == "demo":
        yield Warehouse(request.getfixturevalue("built_demo"), DEFAULTS)
    else:
        yield Warehouse(request.getfixturevalue("random_build"), DEFAULTS | RANDOM_VARS)


# ---- Helpers of the oracle --------------------------------------------------------------------------


def _assert_same(found: pd.DataFrame, expected: pd.DataFrame, keys: list[str]) -> None:
    """Compare by keys, whatever the order of rows and the kind of NULL; numbers to the sixth decimal."""
    assert sorted(map(tuple, found[keys].to_numpy().tolist())) == sorted(
        map(tuple, expected[keys].to_numpy().tolist())
    )
    both = found.merge(expected, on=keys, suffixes=("_found", "_expected"))
    for column in [name for name in expected.columns if name not in keys]:
        pairs = both[[*keys, f"{column}_found", f"{column}_expected"]].astype(object)
        left, right = pairs.iloc[:, -2], pairs.iloc[:, -1]
        missing = left.isna() & right.isna()
        if all(isinstance(value, (bool, np.bool_, str)) for value in right.dropna()):
            same = missing | (left == right)
        else:
            pair = [
                side.map(lambda value: np.nan if pd.isna(value) else float(value)) for side in (left, right)
            ]
            same = missing | np.isclose(pair[0], pair[1], rtol=1e-9, atol=1.5e-6)
        assert same.all(), f"{column}:\n{pairs[~same].head(10)}"


def _rows(frame: pd.DataFrame) -> list[Any]:
    return list(frame.itertuples())


def _members(warehouse: Warehouse) -> pd.DataFrame:
    members = warehouse.table("int_segmentry__members_identified")[
        ["customer_id", "segment_id", "segment_name"]
    ]
    return members.merge(warehouse.table("int_segmentry__profiles_joined"), on="customer_id")


def _macro_list(file: str, macro: str, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Evaluate a declarative list of the SQL layer without dbt."""
    caught: list[list[dict[str, Any]]] = []

    def keep(value: list[dict[str, Any]]) -> str:
        caught.append(value)
        return ""

    source = (REPO / "macros" / "assessment" / file).read_text()
    template = jinja2.Environment(autoescape=False).from_string(
        source, globals={"var": settings.__getitem__, "return": keep}
    )
    getattr(template.module, macro)()
    return caught[0]


# ---- Traits ------------------------------------------------------------------------------------------


def _percent_rank(values: pd.Series) -> pd.Series:
    return (values.rank(method="min") - 1) / max(len(values) - 1, 1)


def _top_season(days: pd.DataFrame) -> tuple[int, float]:
    """Return the days with an order and the share of the best quarter, -1 where it is not of two years."""
    counts = days["order_date"].dt.quarter.value_counts()
    best = min(quarter for quarter in counts.index if counts[quarter] == counts.max())
    years = days.loc[days["order_date"].dt.quarter == best, "order_date"].dt.year.nunique()
    return len(days), counts[best] / len(days) if years >= 2 else -1.0


def _trait_measures(warehouse: Warehouse) -> dict[str, tuple[str, pd.Series, pd.Series, int]]:
    """Return dimension, score, support and least support of every trait, by customer."""
    people = warehouse.table("int_segmentry__profiles_joined").set_index("customer_id").sort_index()
    run = warehouse.table("int_segmentry__run").iloc[0]
    days = warehouse.table("int_segmentry__purchase_days_built")
    days["order_date"] = pd.to_datetime(days["order_date"])
    days = days[days["order_date"] <= pd.Timestamp(run["observation_end_date"])]
    seasons = {customer: _top_season(own) for customer, own in days.groupby("customer_id")}
    affinity = warehouse.table("int_segmentry__affinity_counted").query("category_level == 1")
    seen = (
        affinity.set_index("customer_id")[["view_count", "cart_count", "purchase_count"]]
        .sum(axis=1)
        .groupby(level=0)
        .sum()
    )

    recency = people["recency_days"].astype(float)
    dormant = recency >= warehouse.var("trait_dormant_days")
    orders, sessions = people["order_count"].astype(float), people["session_count"].astype(float)
    hour, hour_share = people["preferred_hour"].astype(float), people["preferred_hour_share"]
    minimum = {
        name: warehouse.var(f"trait_minimum_{name}")
        for name in ("orders", "sessions", "carts", "category_events", "order_days")
    }
    visits = sessions / people["tenure_days"].clip(lower=30)
    return {
        "high_value": ("who", _percent_rank(people["clv"].astype(float)), orders, 1),
        "at_risk": (
            "who",
            people["churn_risk"].where(recency < warehouse.var("trait_dormant_days")),
            orders,
            minimum["orders"],
        ),
        "dormant_high_value": (
            "who",
            _percent_rank(people["net_revenue"].astype(float)).where(dormant),
            orders,
            minimum["orders"],
        ),
        "cart_abandoner": (
            "what",
            people["cart_abandonment_rate"],
            people["cart_session_count"],
            minimum["carts"],
        ),
        "category_specialist": (
            "what",
            people["top_category_share"],
            seen.reindex(people.index),
            minimum["category_events"],
        ),
        "discount_sensitive": ("what", people["discount_share"], orders, minimum["orders"]),
        "browser_not_buyer": (
            "who",
            (1 - orders / sessions.where(sessions > 0)).clip(lower=0),
            sessions,
            minimum["sessions"],
        ),
        "weekend_shopper": ("when", people["weekend_share"], sessions, minimum["sessions"]),
        "early_bird": (
            "when",
            hour_share.where(hour.isin(warehouse.var("trait_early_hours"))),
            sessions,
            minimum["sessions"],
        ),
        "night_owl": (
            "when",
            hour_share.where(hour.isin(warehouse.var("trait_night_hours"))),
            sessions,
            minimum["sessions"],
        ),
        "seasonal": (
            "when",
            pd.Series({customer: share for customer, (_, share) in seasons.items()}, dtype=float).reindex(
                people.index
            ),
            pd.Series({customer: count for customer, (count, _) in seasons.items()}, dtype=float).reindex(
                people.index
            ),
            minimum["order_days"],
        ),
        "mobile_first": ("how", people["mobile_share"], sessions, minimum["sessions"]),
        "desktop_loyal": ("how", 1 - people["mobile_share"], sessions, minimum["sessions"]),
        "highly_engaged": ("who", _percent_rank(visits), sessions, minimum["sessions"]),
    }


def _expected_traits(warehouse: Warehouse) -> pd.DataFrame:
    rows = []
    for trait, (dimension, score, support, least) in _trait_measures(warehouse).items():
        threshold = warehouse.var(f"trait_{trait}")
        shown = (score >= threshold) & (support >= least)
        strength = 1 - 0.5 * (1 - score[shown]) / (1 - threshold)
        rows.append(
            pd.DataFrame(
                {"trait": trait, "dimension": dimension, "strength": strength, "support": support[shown]}
            )
            .rename_axis("customer_id")
            .reset_index()
        )
    return pd.concat(rows, ignore_index=True)


def test_traits_equal_an_independent_computation(warehouse: Warehouse) -> None:
    found = warehouse.table("int_segmentry__traits_detected")
    _assert_same(found, _expected_traits(warehouse), ["customer_id", "trait"])
    assert found["strength"].between(0.5, 1).all()
    assert found.groupby("trait")["reason"].nunique().eq(1).all()


def test_random_customers_show_every_trait(random_build: Path) -> None:
    listed = {trait["trait"] for trait in _macro_list("traits.sql", "traits", DEFAULTS)}
    assert set(_read(random_build, "int_segmentry__traits_detected")["trait"]) == listed
    assert len(listed) == 14


def test_segment_traits_equal_an_independent_computation(warehouse: Warehouse) -> None:
    members = _members(warehouse)
    shown = warehouse.table("int_segmentry__traits_detected")
    rows = []
    for trait, (_, _, support, least) in _trait_measures(warehouse).items():
        has_trait = members["customer_id"].isin(shown.loc[shown["trait"] == trait, "customer_id"])
        is_observed = members["customer_id"].map(support) >= least
        for segment, own in has_trait.groupby(members["segment_id"]):
            lift = own.mean() / has_trait.mean() if has_trait.any() else None
            seen, all_seen = own[is_observed], has_trait[is_observed]
            observed_lift = seen.mean() / all_seen.mean() if len(seen) and all_seen.any() else None
            rows.append(
                {
                    "segment_id": segment,
                    "trait": trait,
                    "observed_count": len(seen),
                    "support_count": own.sum(),
                    "trait_share": own.mean(),
                    "population_share": has_trait.mean(),
                    "lift": lift,
                    "observed_lift": observed_lift,
                    "is_defining": bool(
                        lift is not None
                        and observed_lift is not None
                        and round(min(lift, observed_lift), 6) >= warehouse.var("trait_lift")
                        and own.sum() >= warehouse.var("minimum_support")
                        and round(own.mean(), 6) >= warehouse.var("trait_share")
                    ),
                }
            )
    _assert_same(
        warehouse.table("int_segmentry__segment_traits_compared"), pd.DataFrame(rows), ["segment_id", "trait"]
    )


# ---- Actions -----------------------------------------------------------------------------------------


def _is_personal(name: str) -> bool:
    digits = max((len(re.sub(r"\D", "", run)) for run in re.findall(r"\d[\d ()./-]*", name)), default=0)
    return bool(re.search(r"[^@ ]@[^@ ]+\.[^@ ]", name)) or digits >= 9 or ("+" in name and digits >= 7)


def _preferences(warehouse: Warehouse, members: pd.DataFrame) -> dict[tuple[str, bool], pd.Series]:
    day = (
        members["preferred_weekday"]
        .map(lambda number: None if pd.isna(number) else WEEKDAYS[int(number) - 1])
        .astype(object)
    )
    hour = (
        members["preferred_hour"]
        .map(lambda number: None if pd.isna(number) else f" {int(number):02d}:00")
        .astype(object)
    )
    both = pd.Series(
        [
            None if pd.isna(left) or pd.isna(right) else left + right
            for left, right in zip(day, hour, strict=True)
        ],
        index=members.index,
        dtype=object,
    )
    return {
        ("what", True): members["top_category"],
        ("when", True): both,
        ("when", False): day,
        ("how", True): members["top_channel"].map(functools.partial(_contact_channel, warehouse)),
        ("who", True): members["value_tier"].where(members["value_tier"] != "D"),
    }


def _contact_channel(warehouse: Warehouse, channel: str | None) -> str | None:
    """No message can be sent through a search engine, or to whoever typed the address."""
    brings_visits_only = pd.isna(channel) or channel.strip().lower() in warehouse.var("inbound_channels")
    return None if brings_visits_only else channel


def _expected_actions(warehouse: Warehouse) -> pd.DataFrame:
    members = _members(warehouse)
    found: dict[tuple[str, str], list[dict[str, Any]]] = {
        (segment, dimension): [] for segment in members["segment_id"].unique() for dimension in DIMENSIONS
    }
    for (dimension, is_precise), values in _preferences(warehouse, members).items():
        for segment, own in values.groupby(members["segment_id"]):
            for name, count in own.value_counts().items():
                if (
                    not str(name).strip()
                    or _is_personal(str(name))
                    or count < warehouse.var("minimum_support")
                ):
                    continue
                share, base = count / len(own), (values == name).mean()
                actionable = round(share / base, 6) >= warehouse.var("action_lift") and round(
                    share, 6
                ) >= warehouse.var("action_share")
                found[str(segment), dimension].append(
                    {
                        "candidate": name,
                        "candidate_share": share,
                        "population_share": base,
                        "lift": share / base,
                        "support_count": count,
                        "strength": round(max(share - base, 0) ** 0.5, 6),
                        "is_actionable": bool(actionable),
                        "is_precise": is_precise,
                    }
                )
    rows = []
    for (segment, dimension), candidates in found.items():
        if any(entry["is_precise"] and entry["is_actionable"] for entry in candidates):
            candidates = [entry for entry in candidates if entry["is_precise"]]
        candidates.sort(
            key=lambda entry: (not entry["is_actionable"], -entry["strength"], entry["candidate"])
        )
        nothing = {"candidate": None, "support_count": 0, "strength": 0.0, "is_actionable": False}
        for rank, entry in enumerate(candidates[:3] or [nothing], start=1):
            rows.append({"segment_id": segment, "dimension": dimension, "candidate_rank": rank, **entry})
    return pd.DataFrame(rows).drop(columns="is_precise")


def test_actions_equal_an_independent_computation(warehouse: Warehouse) -> None:
    _assert_same(
        warehouse.table("int_segmentry__actions_scored"),
        _expected_actions(warehouse),
        ["segment_id", "dimension", "candidate_rank"],
    )


def test_random_actions_meet_every_case(random_build: Path) -> None:
    """The random customers are of use only if they reach the branches."""
    actions = _read(random_build, "int_segmentry__actions_scored")
    times = actions.loc[actions["dimension"] == "when", "candidate"].dropna()
    assert times.str.contains(":").any()
    assert (~times.str.contains(":")).any()
    assert actions["candidate"].isna().any()
    assert actions.groupby("dimension")["is_actionable"].any().all()
    assert "Sale 2024/25 20%" in set(actions["candidate"])
    assert not actions["candidate"].dropna().map(_is_personal).any()


# ---- Reach, returns ----------------------------------------------------------------------------------


def _segment_action(warehouse: Warehouse, dimension: str) -> dict[str, str]:
    actions = warehouse.table("int_segmentry__actions_scored")
    first = actions[
        (actions["dimension"] == dimension) & (actions["candidate_rank"] == 1) & actions["is_actionable"]
    ]
    return dict(zip(first["segment_id"], first["candidate"], strict=True))


def _expected_reach(warehouse: Warehouse) -> pd.DataFrame:
    members = _members(warehouse)
    merges = warehouse.table("int_segmentry__merge_map_resolved")
    survivor = dict(zip(merges["id"], merges["customer_id"], strict=True))
    refusals: dict[str, set[str]] = {}
    if warehouse.var("consents"):
        for row in _rows(warehouse.table("given_consents")):
            if not (pd.notna(row.is_contactable) and row.is_contactable):
                key = row.customer_id.strip()
                refusals.setdefault(survivor.get(key, key), set()).add(row.channel.strip().lower() or "*")
    own = _segment_action(warehouse, "how")
    rows = []
    for person in _rows(members):
        channel = own.get(person.segment_id, _contact_channel(warehouse, person.top_channel))
        refused = refusals.get(person.customer_id, set())
        allowed = not refused if channel is None else not refused & {"*", channel.lower()}
        rows.append(
            {
                "customer_id": person.customer_id,
                "segment_id": person.segment_id,
                "channel": channel,
                "is_contactable": allowed,
            }
        )
    return pd.DataFrame(rows)


def test_reach_equals_an_independent_computation(warehouse: Warehouse) -> None:
    _assert_same(
        warehouse.table("int_segmentry__members_reached"), _expected_reach(warehouse), ["customer_id"]
    )


def _expected_returns(warehouse: Warehouse) -> pd.DataFrame:
    segments = warehouse.table("int_segmentry__segments_summarised")
    assumptions = {
        row["channel"]: row
        for row in warehouse.table("stg_segmentry__campaign_assumptions").to_dict("records")
    }
    reach = warehouse.table("int_segmentry__members_reached").groupby("segment_id")["is_contactable"].sum()
    own = _segment_action(warehouse, "how")
    overall = segments["net_revenue"].sum() / max(segments["order_count"].sum(), 1)
    rows = []
    for segment in _rows(segments):
        given = assumptions.get(own.get(segment.segment_id, "").lower(), assumptions["default"])
        people = int(reach[segment.segment_id])
        value = round(
            max(segment.net_revenue / segment.order_count if segment.order_count else overall, 0), 2
        )
        messages = given["fixed_cost"] + people * given["contacts"] * given["contact_cost"]
        gain = value * given["gross_margin"]

        def outcome(
            uplift: float,
            people: int = people,
            messages: float = messages,
            gain: float = gain,
            incentive: float = given["incentive"],
        ) -> tuple[float, float]:
            return messages + people * uplift * incentive, people * uplift * gain

        cost, margin = outcome(given["uplift_base"])
        rate = (
            messages / (people * (gain - given["incentive"]))
            if people and gain > given["incentive"]
            else None
        )
        rows.append(
            {
                "segment_id": segment.segment_id,
                "channel": given["channel"],
                "reachable_count": people,
                "average_order_value": value,
                "conversions_base": people * given["uplift_base"],
                "cost_to_clv": cost / segment.total_clv if segment.total_clv > 0 else None,
                "break_even_uplift": rate if rate is not None and rate <= 1 else None,
                "is_shipped_assumption": bool(given["is_example"]),
                "cost": cost,
                "margin": margin,
                **{
                    f"roi_{guess}": (gained - spent) / spent if spent else None
                    for guess in ("low", "base", "high")
                    for spent, gained in [outcome(given[f"uplift_{guess}"])]
                },
            }
        )
    return pd.DataFrame(rows)


def test_returns_equal_an_independent_computation(warehouse: Warehouse) -> None:
    found, expected = warehouse.table("int_segmentry__returns_estimated"), _expected_returns(warehouse)
    _assert_same(found, expected.drop(columns=["cost", "margin"]), ["segment_id"])
    money = found.merge(expected, on="segment_id")
    assert (money["cost_amount"] - money["cost"]).abs().max() <= 0.0051
    assert (money["margin_amount"] - money["margin"]).abs().max() <= 0.0051


def test_a_campaign_at_the_break_even_uplift_earns_its_cost(warehouse: Warehouse) -> None:
    returns = warehouse.table("int_segmentry__returns_estimated").dropna(subset=["break_even_uplift"])
    assert len(returns)
    conversions = returns["reachable_count"] * returns["break_even_uplift"]
    margin = conversions * returns["average_order_value"] * returns["gross_margin"]
    cost = (
        returns["fixed_cost"]
        + returns["reachable_count"] * returns["contacts"] * returns["contact_cost"]
        + conversions * returns["incentive"]
    )
    assert np.allclose(margin, cost, rtol=1e-3)


# ---- Rules -------------------------------------------------------------------------------------------

RULES: dict[str, tuple[str, Callable[[float, float], bool], str]] = {
    "minimum_customers": ("customer_count", float.__ge__, "error"),
    "minimum_share": ("customer_share", float.__ge__, "error"),
    "maximum_share": ("customer_share", float.__le__, "warning"),
    "minimum_total_clv": ("total_clv", float.__ge__, "error"),
    "minimum_average_clv": ("average_clv", float.__ge__, "warning"),
    "minimum_robustness": ("overall_robustness", float.__ge__, "error"),
    "maximum_missing_tests": ("missing_count", float.__le__, "production"),
    "minimum_roi": ("roi_base", float.__ge__, "error"),
    "maximum_cost_to_clv": ("cost_to_clv", float.__le__, "warning"),
    "minimum_actionable_dimensions": ("action_count", float.__ge__, "production"),
    "minimum_kind": ("kind_number", float.__ge__, "production"),
}
KIND_NUMBERS = {"constructive": 0.0, "reproducible": 1.0, "natural": 2.0}


def _segment_frame(warehouse: Warehouse) -> pd.DataFrame:
    actions = warehouse.table("int_segmentry__actions_scored").query("candidate_rank == 1")
    segments = warehouse.table("int_segmentry__segments_summarised")
    segments = segments.merge(
        warehouse.table("int_segmentry__returns_estimated"), on="segment_id", suffixes=("", "_returns")
    )
    segments["missing_count"] = [
        len([test for test in text.split(",") if test.strip()]) for text in segments["missing_tests"]
    ]
    segments["kind_number"] = segments["segmentation_kind"].map(KIND_NUMBERS).fillna(0.0)
    segments["action_count"] = segments["segment_id"].map(
        actions.groupby("segment_id")["is_actionable"].sum()
    )
    return segments


def _expected_rules(warehouse: Warehouse) -> pd.DataFrame:
    today = pd.Timestamp(warehouse.table("int_segmentry__run").iloc[0]["as_of"])
    waivers = warehouse.table("stg_segmentry__validation_waivers").to_dict("records")
    rows = []
    for segment in _segment_frame(warehouse).to_dict("records"):
        for rule, (column, holds, severity) in RULES.items():
            setting = warehouse.var(f"rule_{rule}")
            value, threshold = segment[column], float(KIND_NUMBERS.get(setting, setting))
            passed = bool(pd.notna(value)) and holds(round(float(value), 6), threshold)
            waived = any(
                waiver["rule"] == rule
                and waiver["segment_id"] in ("*", segment["segment_id"])
                and (pd.isna(waiver["expires_on"]) or today <= pd.Timestamp(waiver["expires_on"]))
                for waiver in waivers
            )
            rows.append(
                {
                    "segment_id": segment["segment_id"],
                    "rule": rule,
                    "is_passed": passed,
                    "value": value,
                    "threshold": threshold,
                    "severity": "warning"
                    if rule == "minimum_roi" and segment["is_shipped_assumption"]
                    else severity,
                    "is_waived": waived and not passed,
                }
            )
    return pd.DataFrame(rows)


def test_rules_equal_an_independent_computation(warehouse: Warehouse) -> None:
    _assert_same(
        warehouse.table("int_segmentry__rules_checked"), _expected_rules(warehouse), ["segment_id", "rule"]
    )


def test_every_reason_says_the_value_and_the_threshold(warehouse: Warehouse) -> None:
    listed = {
        rule["rule"]: rule
        for rule in _macro_list("validation_rules.sql", "validation_rules", warehouse.settings)
    }
    for row in _rows(warehouse.table("int_segmentry__rules_checked")):
        decimals = listed[row.rule]["decimals"]
        sentence = re.search(
            r" (-?[\d.]+|could not be measured|constructive|reproducible|natural|not judged)(?: \([^)]*\))?"
            r", (needs at least|may be at most) (-?[\d.]+|constructive|reproducible|natural)"
            r"(?:; waived: .+)?$",
            row.reason,
        )
        assert sentence, row.reason
        value, need, threshold = sentence.groups()
        assert need == ("needs at least" if RULES[row.rule][1] is float.__ge__ else "may be at most")
        if row.rule == "minimum_kind":
            assert KIND_NUMBERS[threshold] == row.threshold
            assert KIND_NUMBERS.get(value, 0.0) == row.value
            continue
        assert float(threshold) == pytest.approx(row.threshold, abs=0.51 * 10**-decimals)
        if pd.isna(row.value):
            assert value == "could not be measured"
        else:
            assert float(value) == pytest.approx(row.value, abs=10**-decimals)
            assert RULES[row.rule][1](float(value), float(threshold)) == row.is_passed


def test_the_list_of_rules_is_read_without_dbt(warehouse: Warehouse) -> None:
    listed = pd.DataFrame(_macro_list("validation_rules.sql", "validation_rules", warehouse.settings))
    found = warehouse.table("int_segmentry__rules_checked")
    assert sorted(listed["rule"]) == sorted(found["rule"].unique())
    both = found.merge(listed, on="rule")
    assert (both["threshold_x"] == both["threshold_y"]).all()
    assert (
        (both["severity_x"] == both["severity_y"]) | (both["severity_x"] == both["example_severity"])
    ).all()


# ---- Viability, audiences ----------------------------------------------------------------------------


def _expected_viability(warehouse: Warehouse) -> pd.DataFrame:
    members, segments = _members(warehouse), _segment_frame(warehouse)
    actions = warehouse.table("int_segmentry__actions_scored")
    traits = warehouse.table("int_segmentry__traits_detected").merge(
        members[["customer_id", "segment_id"]], on="customer_id"
    )
    rules = warehouse.table("int_segmentry__rules_checked")
    opened = rules[~rules["is_passed"] & ~rules["is_waived"]]
    preferences = _preferences(warehouse, members)

    def separation(inside: pd.Series, holders: pd.Series) -> float:
        """Share of the segment minus share of everybody else."""
        return holders[inside].mean() - holders[~inside].mean() if not inside.all() else 0.0

    rows = []
    for segment in _rows(segments):
        inside = members["segment_id"] == segment.segment_id
        own = actions[actions["segment_id"] == segment.segment_id]
        terms = [
            separation(
                inside, members["customer_id"].isin(traits.loc[traits["trait"] == trait, "customer_id"])
            )
            for trait, count in traits.loc[traits["segment_id"] == segment.segment_id, "trait"]
            .value_counts()
            .items()
            if count >= warehouse.var("minimum_support")
        ]
        for action in _rows(own[(own["dimension"] != "who") & own["candidate"].notna()]):
            is_precise = action.dimension != "when" or ":" in action.candidate
            terms.append(separation(inside, preferences[action.dimension, is_precise] == action.candidate))
        complaints = []
        for column in ("refund_rate", "bounce_rate", "cart_abandonment_rate"):
            rate = members[column].clip(upper=1)
            if rate[inside].notna().any():
                base = rate.mean()
                complaints.append(max(rate[inside].mean() - base, 0) / (1 - base) if base < 1 else 0)
        first = own[own["candidate_rank"] == 1].set_index("dimension")
        severities = list(opened.loc[opened["segment_id"] == segment.segment_id, "severity"])
        valid, actionable, proven = (
            "error" not in severities,
            bool(first["is_actionable"].any()),
            "production" not in severities,
        )
        lost = segment.roi_high < 0 and not segment.is_shipped_assumption
        decision = (
            "reject"
            if lost or not (valid and actionable)
            else "pursue"
            if proven and segment.roi_low >= 0
            else "test"
        )
        rows.append(
            {
                "segment_id": segment.segment_id,
                "targetability_score": max([*terms, 0]),
                "sales_priority_score": max(segment.clv_share / segments["clv_share"].max(), 0)
                if segments["clv_share"].max()
                else 0,
                "personalisation_score": first.loc["what", "strength"],
                "timing_score": first.loc["when", "strength"],
                "retention_impact_score": min(segment.value_at_stake_amount / segment.total_clv, 1)
                if segment.total_clv > 0
                else 0,
                "satisfaction_impact_score": sum(complaints) / len(complaints) if complaints else 0,
                "is_valid": valid,
                "is_actionable": actionable,
                "is_production_ready": valid and actionable and proven,
                "decision": decision,
            }
        )
    return pd.DataFrame(rows)


def test_viability_equals_an_independent_computation(warehouse: Warehouse) -> None:
    found, expected = warehouse.table("int_segmentry__viability_scored"), _expected_viability(warehouse)
    # Shares are stored to six decimals, so what is computed from them agrees to five.
    scores = [column for column in expected.columns if column.endswith("_score")]
    both = found.merge(expected, on="segment_id")
    for score in scores:
        assert np.allclose(both[f"{score}_x"].astype(float), both[f"{score}_y"].astype(float), atol=1e-5), (
            score
        )
    _assert_same(found, expected.drop(columns=scores), ["segment_id"])


def test_every_decision_but_pursue_has_its_reasons(warehouse: Warehouse) -> None:
    viability = warehouse.table("int_segmentry__viability_scored")
    rules = warehouse.table("int_segmentry__rules_checked")
    opened = rules[~rules["is_passed"] & ~rules["is_waived"] & (rules["severity"] != "warning")]
    assert ((viability["decision"] == "pursue") == (viability["rejection_reasons"] == "")).all()
    for segment in _rows(viability):
        reasons = segment.rejection_reasons.split("; ") if segment.rejection_reasons else []
        assert set(opened.loc[opened["segment_id"] == segment.segment_id, "reason"]) <= set(reasons)
        assert all(reason.strip() for reason in reasons)


def test_random_segments_meet_every_decision(random_build: Path) -> None:
    assert set(_read(random_build, "int_segmentry__viability_scored")["decision"]) == {
        "pursue",
        "test",
        "reject",
    }


def test_audiences_equal_an_independent_computation(warehouse: Warehouse) -> None:
    reach, members = _expected_reach(warehouse), _members(warehouse)
    viability = warehouse.table("int_segmentry__viability_scored")
    ready = set(viability.loc[viability["is_production_ready"], "segment_id"])
    expected = reach[reach["is_contactable"] & reach["segment_id"].isin(ready)].merge(
        members.drop(columns="segment_id"), on="customer_id"
    )
    categories = _segment_action(warehouse, "what")
    bound = round(warehouse.var("holdout_share") * 2**32)
    digest = [
        hashlib.md5(f"{warehouse.var('holdout_salt')}:{key}".encode()).hexdigest()
        for key in expected["customer_id"]
    ]
    expected = expected.assign(
        action=[
            categories.get(segment, own)
            for segment, own in zip(expected["segment_id"], expected["top_category"], strict=True)
        ],
        best_weekday=expected["preferred_weekday"],
        best_hour=expected["preferred_hour"],
        is_holdout=[int(text[:8], 16) < bound for text in digest],
    )
    columns = [
        "customer_id",
        "segment_id",
        "segment_name",
        "action",
        "channel",
        "best_weekday",
        "best_hour",
        "is_holdout",
    ]
    found = warehouse.table("int_segmentry__audiences_selected")
    assert list(found.columns) == columns
    _assert_same(found, expected[columns], ["customer_id"])


def test_random_audiences_hold_out_the_stated_share(random_build: Path) -> None:
    audiences = _read(random_build, "int_segmentry__audiences_selected")
    share = RANDOM_VARS["segmentry_holdout_share"]
    assert len(audiences) > 100
    assert abs(audiences["is_holdout"].mean() - share) < 4 * (share * (1 - share) / len(audiences)) ** 0.5


def test_the_docs_page_names_every_trait_rule_and_default() -> None:
    page = (REPO / "docs" / "methods" / "assessment.md").read_text()
    rows = {line.split("|")[1].strip(" `"): line for line in page.splitlines() if line.startswith("| `")}
    for entry in _macro_list("traits.sql", "traits", DEFAULTS):
        _, name, dimension, _, threshold, observations, _ = rows[entry["trait"]].split("|")
        assert dimension.strip() == entry["dimension"], name
        assert float(threshold.split(":")[0].split("(")[0]) == entry["threshold"], name
        assert int(observations.split()[0]) == entry["minimum_support"], name
    for entry in _macro_list("validation_rules.sql", "validation_rules", DEFAULTS):
        _, name, _, threshold, severity, _ = rows[entry["rule"]].split("|")
        assert float(threshold.replace(",", "")) == entry["threshold"], name
        assert severity.strip().startswith(entry["severity"]), name
