"""Every column of the profiles against an independent oracle, on small tables full of oddities."""

from __future__ import annotations

import math
import os
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest
import yaml
from compiled import REPO, compiled, in_order, run, text_table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle_identity import Statement, resolve
from oracle_profiles import (
    Event,
    Rules,
    ValueModel,
    category_counts,
    end_of_observation,
    local,
    money,
    profiles,
    without_duplicates,
)

EXAMPLES = int(os.environ.get("SEGMENTRY_EXAMPLES", "30"))
SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"
PROFILES = "int_segmentry__profiles_joined"
TYPED = "int_segmentry__events_typed"
RESOLVED = "int_segmentry__events_resolved"
DUPLICATES = "int_segmentry__duplicate_events_ranked"
ORDERS = "int_segmentry__orders_built"
SESSIONS = "int_segmentry__sessions_built"
AFFINITY = "int_segmentry__affinity_counted"
PATHS = "int_segmentry__category_paths_split"
TOTALS = "int_segmentry__affinity_aggregated"
FIT = "int_segmentry__clv_fitted"
GRID = "int_segmentry__clv_grid_computed"
WINDOWS = "int_segmentry__window_profiles_built"
EVENT_COLUMNS = [
    "event_id", "customer_id", "event_at", "event_type", "session_id", "order_id", "channel", "device_type", "category",
    "product_id", "quantity", "amount", "discount_amount", "currency",
]  # fmt: skip
DEFAULT_WINDOWS = yaml.safe_load((REPO / "dbt_project.yml").read_text())["vars"]["segmentry"][
    "segmentry_windows"
]
MERGE_COLUMNS = ["old_id", "new_id", "merged_at"]
RATES = {"EUR": Decimal(1), "USD": Decimal("0.9"), "JPY": Decimal("0.00612345"), "KWD": Decimal("2.98765432")}
PLACES = [
    {},
    {"segmentry_time_zone": "Europe/Prague", "segmentry_input_time_zone": "America/New_York"},
    {"segmentry_time_zone": "America/Los_Angeles"},
]
# As many days before the last one as the windows of revenue and of the robustness tests are long, and one more.
EDGES = [date(2024, 11, 3) - timedelta(days=days) for days in (0, 0, 0, 29, 30, 89, 90, 179, 180, 364, 365)]
# Year ends, a leap day, both changes of the clock in Europe and America, plain days.
DAYS = [
    date(2023, 12, 31),
    date(2024, 2, 28),
    date(2024, 2, 29),
    date(2024, 3, 10),
    date(2024, 3, 31),
    date(2024, 6, 3),
    date(2024, 10, 27),
    date(2024, 11, 3),
]
TYPES = [
    "page_view",
    "item_view",
    "category_view",
    "add_to_cart",
    "checkout",
    "session_start",
    "email_open",
    "email_click",
    "support_contact",
    "wishlist",
]
CATEGORIES = [
    None,
    "Home > Garden > Hoses",
    "Home > Garden",
    "Home",
    "Home >  > Odd",
    " > Nothing",
    "Art>Oil",
    "Toys > Lego > Sets > Big",
    " Home > Kitchen > Pans ",
]


@dataclass(frozen=True)
class Row:
    """An event as a file has it, and what it means: an event, or a reason for rejection."""

    text: dict[str, str | None]
    meaning: Event | str


@dataclass(frozen=True)
class Shop:
    """A random data set."""

    rows: list[Row]
    merges: list[Statement]
    place: dict[str, str]

    @property
    def rules(self) -> Rules:
        """What the oracle must know of the settings."""
        return Rules(zone=self.place.get("segmentry_time_zone", "UTC"))

    @property
    def events(self) -> list[Event]:
        """The events that mean something."""
        return [row.meaning for row in self.rows if isinstance(row.meaning, Event)]

    def inputs(self) -> dict[str, Any]:
        """The input tables of the models."""
        return inputs([row.text for row in self.rows], self.merges)

    def customer_of(self, **options: Any) -> dict[str, str]:
        """The merge map."""
        found = resolve(self.merges, latest_plausible=datetime(2500, 1, 1), **options)
        return {id_: place.customer_id for id_, place in found.places.items()}


def inputs(
    rows: Sequence[Mapping[str, Any]],
    merges: Sequence[Statement] = (),
    columns: Sequence[str] = EVENT_COLUMNS,
) -> dict[str, Any]:
    """Return input tables as text, as CSV files have them."""
    history = [
        {"old_id": row.old_id, "new_id": row.new_id, "merged_at": str(row.merged_at)} for row in merges
    ]
    rates = pa.table({"currency": list(RATES), "rate": pa.array([str(rate) for rate in RATES.values()])})
    return {
        "segmentry_demo_events": text_table(rows, columns),
        "segmentry_demo_id_history": text_table(history, MERGE_COLUMNS),
        "segmentry_exchange_rates": rates,
    }


def written_time(at: datetime, input_zone: str, rng: random.Random) -> str:
    """Return an instant in one of the spellings of it; without an offset only where the clock on the wall is not ambiguous."""
    wall = at.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(input_zone))
    plain = wall.replace(tzinfo=None)
    both = {
        plain.replace(tzinfo=ZoneInfo(input_zone), fold=fold).astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
        for fold in (0, 1)
    }
    spellings = [
        at.strftime("%Y-%m-%d %H:%M:%S.%f+00"),
        at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        (at + timedelta(hours=5, minutes=30)).strftime("%Y-%m-%dT%H:%M:%S.%f+05:30"),
        (at - timedelta(hours=3)).strftime("%Y-%m-%d %H:%M:%S.%f-0300"),
        at.strftime("%Y-%m-%d %H:%M:%S.%f UTC"),
        wall.strftime("%Y-%m-%d %H:%M:%S.%f ") + input_zone,
        at.strftime("%Y-%m-%d %H:%M:%S.%f GMT"),
    ]
    if both == {at}:
        spellings += [plain.strftime("%Y-%m-%d %H:%M:%S.%f"), plain.strftime(" %Y-%m-%dT%H:%M:%S.%f")] * 2
        if plain.time() == datetime.min.time():
            spellings += [plain.strftime("%Y-%m-%d")] * 8
    return rng.choice(spellings)


def random_money(rng: random.Random, kind: str) -> tuple[str | None, Decimal | str | None]:
    """Return an amount as written, and what it means: a number, nothing, or a reason for rejection."""
    good = {
        "0.00": "0",
        "0": "0",
        "19.99": "19.99",
        "5": "5",
        " 7.5 ": "7.5",
        "1e2": "100",
        "0.005": "0.005",
        "33.335": "33.335",
        "\u00a012.3456\t": "12.3456",
        "1234.50": "1234.5",
    }
    bad = {
        "abc": "unparsable_amount",
        "NaN": "unparsable_amount",
        "inf": "unparsable_amount",
        "-Infinity": "unparsable_amount",
        "1e400": "unparsable_amount",
        "12,50": "unparsable_amount",
        "1e12": "absurd_amount",
    }
    if rng.random() < 0.05:
        text = rng.choice(list(bad))
        return text, bad[text]
    if rng.random() < 0.06:
        return (None, None) if kind == "purchase_item" else (rng.choice([None, "", "  "]), "missing_amount")
    text = rng.choice(list(good))
    if kind == "refund" and rng.random() < 0.5:
        return "-" + text.strip(), Decimal(good[text])
    if kind != "refund" and rng.random() < 0.04 and Decimal(good[text]) > 0:
        return "-" + text.strip(), "negative_purchase"
    return text, Decimal(good[text])


@dataclass(frozen=True)
class Style:
    """What all events of a data set have in common."""

    midnight: bool
    with_sessions: bool
    on_edges: bool


def random_row(rng: random.Random, place: Mapping[str, str], style: Style, number: int) -> Row:
    """Draw one event with its meaning."""
    day = (
        rng.choice(EDGES)
        if style.on_edges
        else rng.choice(DAYS) + timedelta(days=rng.choice([0, 0, 0, 0, 1, -1, 40]))
    )
    zone = place.get("segmentry_time_zone", "UTC")
    if style.midnight:
        at = (
            datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
            .astimezone(ZoneInfo("UTC"))
            .replace(tzinfo=None)
        )
    else:
        at = datetime(day.year, day.month, day.day) + timedelta(
            minutes=rng.choice([0, 1, 29, 30, 31, 59, 60, 61, 119, 120, 430, 1439])
        )
        if not style.on_edges:
            at += timedelta(microseconds=rng.choice([0, 0, 0, 1, 999_999]), seconds=rng.choice([0, 0, 0, 59]))
    kind = rng.choice(["purchase", "purchase", "purchase_item", "refund", *TYPES])
    customer = rng.choice(["ann", "bob", "cyd", "dan", "eve", "Ann"])
    session = rng.choice([None, None, "s1", "s2", "gap-1"]) if style.with_sessions else None
    text: dict[str, str | None] = {
        "event_id": rng.choice([None, f"e{number}", f" e{number}"]),
        "customer_id": rng.choice(["", "", "\t", "\u00a0"]) + customer,
        "event_at": written_time(at, place.get("segmentry_input_time_zone", "UTC"), rng),
        "event_type": rng.choice([kind, kind, kind.upper(), f" {kind} ", f"\t{kind}\u00a0"]),
        "session_id": session if session else rng.choice([None, "", " ", "null"]),
        "order_id": rng.choice([None, "o1", "o2", "o3", "purchase-1", "unknown", "NaN"]),
        "channel": rng.choice([None, "", "web", "mail", "shop", "\u2003web\n"]),
        "device_type": rng.choice([None, "Mobile", "desktop", "tablet", "\x0btablet"]),
        "category": rng.choice(CATEGORIES),
        "product_id": rng.choice([None, "p1"]),
        "quantity": rng.choice([None, "1", "2.5", "-1", "many", "NaN"]),
        "amount": rng.choice([None, "junk", "3"]),
        "discount_amount": rng.choice([None, None, "1.50", "-2", "0.125", "oops", "NaN"]),
        "currency": rng.choice([None, "", "EUR", "eur ", "\u00a0usd", "JPY", "KWD"]),
    }
    amount: Decimal | str | None = None
    rate = RATES[(text["currency"] or "").strip().upper() or "EUR"]
    if kind in ("purchase", "purchase_item", "refund"):
        text["amount"], amount = random_money(rng, kind)
        if rng.random() < 0.03:
            text["currency"] = rng.choice(["XXX", "null"])
            if isinstance(amount, Decimal):
                amount = "unknown_currency"
    meaning: Event | str = amount if isinstance(amount, str) else "kept"
    spoilers: list[tuple[str, str, list[str | None]]] = [
        ("event_type", "missing_type", [None, "", "  "]),
        ("event_at", "future_time", ["2900-01-01", "infinity"]),
        ("event_at", "ancient_time", ["1969-12-31 00:00:00Z", "0001-01-01"]),
        (
            "event_at",
            "unparsable_time",
            ["yesterday", "2023-02-29", "2024-13-01 00:00:00", "27/10/2025 04:06"],
        ),
        ("event_at", "missing_time", [None, "", " "]),
        ("customer_id", "placeholder_customer_id", ["null", "None ", "0", "N/A"]),
        ("customer_id", "missing_customer_id", [None, "", "\u00a0\t"]),
    ]
    for column, reason, spoiled in spoilers:
        if rng.random() < 0.012:
            text[column], meaning = rng.choice(spoiled), reason
    if meaning == "kept":
        discount = {"1.50": Decimal("1.5"), "-2": Decimal(2), "0.125": Decimal("0.125")}.get(
            text["discount_amount"] or ""
        )
        order = text["order_id"] if text["order_id"] not in ("unknown", "NaN") else None
        meaning = Event(
            customer_id=customer,
            at=at,
            type=kind if kind != "wishlist" else "other",
            event_id=(text["event_id"] or "").strip() or None,
            session_id=session,
            order_id=order,
            channel=(text["channel"] or "").strip() or None,
            device_type=(text["device_type"] or "").strip() or None,
            category=(text["category"] or "").strip() or None,
            amount=money(amount * rate) if isinstance(amount, Decimal) else None,
            discount=money(discount * rate)
            if discount is not None and kind in ("purchase", "purchase_item")
            else None,
            content=tuple(text.values()),
        )
    return Row(text, meaning)


def random_shop(seed: int, with_ids: bool = True) -> Shop:
    """Draw a data set: some have no sessions, some only dates, some no merges, some repeat their events."""
    rng = random.Random(seed)
    place = rng.choice(PLACES)
    on_edges = rng.random() < 0.4
    style = Style(
        midnight=rng.random() < 0.15,
        with_sessions=rng.random() < (0.3 if on_edges else 0.8),
        on_edges=on_edges,
    )
    rows = [random_row(rng, place, style, number) for number in range(rng.choice([0, 1, 5, 30, 60, 120]))]
    if not with_ids:
        rows = [
            Row(
                {**row.text, "event_id": None},
                replace(row.meaning, event_id=None) if isinstance(row.meaning, Event) else row.meaning,
            )
            for row in rows
        ]
    for row in list(rows) if with_ids else []:
        if isinstance(row.meaning, Event) and row.meaning.event_id is not None and rng.random() < 0.15:
            rows.append(row)
            if rng.random() < 0.5:
                later = row.meaning.at + timedelta(days=rng.choice([-1, 1]))
                text = {**row.text, "event_at": later.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
                rows.append(Row(text, replace(row.meaning, at=later, content=tuple(text.values()))))
    rng.shuffle(rows)
    names = ["ann", "bob", "cyd", "dan", "eve", "Ann", "zoe"]
    merges = [
        Statement(
            rng.choice(names),
            rng.choice(names),
            datetime(2024, 1, 1) + timedelta(days=rng.randrange(330), hours=rng.randrange(24)),
        )
        for _ in range(rng.choice([0, 0, 2, 4, 8]))
    ]
    return Shop(rows, merges, dict(place))


def assert_frames_agree(
    found: pd.DataFrame, expected: pd.DataFrame, keys: Sequence[str] = ("customer_id",)
) -> None:
    """Compare two tables by key: decimals, integers, texts and times exactly, doubles within their rounding."""
    assert sorted(map(tuple, found[list(keys)].itertuples(index=False))) == sorted(
        map(tuple, expected[list(keys)].itertuples(index=False)) if len(expected) else []
    )
    if expected.empty:
        return
    assert set(found.columns) == set(expected.columns)
    found = found.sort_values(list(keys)).reset_index(drop=True)
    expected = expected.sort_values(list(keys)).reset_index(drop=True)
    differences = []
    for column in expected.columns:
        for key, mine, theirs in zip(
            found[keys[-1]], found[column], expected[column].astype(object), strict=True
        ):
            if not same(mine, theirs, column):
                differences.append(f"{key}.{column}: found {mine!r}, expected {theirs!r}")
    assert not differences, "\n".join(differences)


def same(found: Any, expected: Any, column: str) -> bool:
    """Whether two values of a column are the same."""
    if expected is None or expected is pd.NaT or (isinstance(expected, float) and math.isnan(expected)):
        return bool(pd.isna(found))
    if pd.isna(found):
        return False
    if column == "clv":
        # Computed in doubles, rounded to cents: a tie may fall either way.
        return abs(found - expected) <= Decimal("0.01")
    if isinstance(expected, float):
        tolerance = 2e-6 if column.endswith(("entropy", "diversity")) else 1e-9 + 1e-12 * abs(expected)
        return abs(float(found) - expected) <= tolerance
    return bool(found == expected)


def seeds(examples: int) -> Any:
    """Run a test for many seeds."""
    decorate = settings(max_examples=max(examples, 1), deadline=None, suppress_health_check=list(HealthCheck))
    return lambda test: decorate(given(seed=st.integers(0, 2**32))(test))


@seeds(EXAMPLES)
def test_every_column_agrees_with_the_oracle(seed: int) -> None:
    shop = random_shop(seed)
    found = run([PROFILES, TYPED, RESOLVED, DUPLICATES, ORDERS, SESSIONS], shop.inputs(), shop.place)
    assert_frames_agree(found[PROFILES], profiles(shop.events, shop.customer_of(), shop.rules))

    kept, repeated = without_duplicates(shop.events)
    rejects = Counter(row.meaning for row in shop.rows if isinstance(row.meaning, str))
    assert Counter(found[TYPED]["reject_reason"].dropna()) == rejects
    assert Counter(found[DUPLICATES]["duplicate_reason"].dropna()) == repeated
    assert len(shop.rows) == len(found[RESOLVED]) + sum(rejects.values()) + sum(repeated.values())
    assert len(found[RESOLVED]) == len(kept)
    assert not found[RESOLVED]["is_on_retired_id"].isna().any()

    totals = found[PROFILES]
    assert totals["gross_revenue"].sum() == found[ORDERS]["gross_amount"].sum()
    assert totals["refund_amount"].sum() == sum(event.amount or 0 for event in kept if event.type == "refund")
    assert totals["order_count"].sum() == len(found[ORDERS])
    assert totals["session_count"].sum() == len(found[SESSIONS])
    assert not found[SESSIONS].duplicated(["customer_id", "session_key"]).any()
    assert not found[ORDERS].duplicated(["customer_id", "order_key"]).any()


def random_model(rng: random.Random) -> ValueModel:
    """Draw a fitted model; of the histories that small data sets have, a tenth are missing from its table."""
    r, alpha, a, b, p, gamma = (10 ** rng.uniform(-1, 1) for _ in range(6))
    grid = {(x, days): rng.uniform(0, 9) for x in range(12) for days in range(420) if rng.random() < 0.9}
    return ValueModel(
        rng.choice(["mbg_nbd", "bg_nbd"]), r, 5 * alpha, a, b, p, 1 + rng.uniform(0.1, 9), 10 * gamma, grid
    )


def fit_tables(clv_model: ValueModel | None, churn_model: ValueModel | None) -> dict[str, pd.DataFrame]:
    """Return what the Python models would have written."""
    rows = []
    for model, other in ((clv_model, False), (churn_model, True)):
        if model:
            parameters = {
                name: getattr(model, name) for name in ("method", "r", "alpha", "a", "b", "p", "q", "gamma")
            }
            rows.append(parameters | {"is_clv_method": not other, "is_churn_method": other})
    grid = clv_model.purchases_if_alive if clv_model else {}
    points = [(x, days, purchases) for (x, days), purchases in grid.items()]
    tables = {FIT: rows, GRID: points}
    columns = ["repeat_count", "observed_days", "purchases_if_alive"]
    return {
        name: pd.DataFrame(content, columns=None if name == FIT else columns)
        for name, content in tables.items()
        if content
    }


@seeds(EXAMPLES // 3)
def test_value_by_a_model_agrees_with_the_oracle(seed: int) -> None:
    shop = random_shop(seed)
    rng = random.Random(seed)
    clv_model, churn_model = (random_model(rng) if rng.random() < 0.8 else None for _ in range(2))
    fit = fit_tables(clv_model, churn_model)
    found = run([PROFILES], {**shop.inputs(), **fit}, shop.place)
    rules = replace(shop.rules, clv_model=clv_model, churn_model=churn_model)
    assert_frames_agree(found[PROFILES], profiles(shop.events, shop.customer_of(), rules))


@seeds(EXAMPLES // 3)
def test_every_window_is_what_profiles_were_at_that_time(seed: int) -> None:
    shop = random_shop(seed, with_ids=False)
    found = run([WINDOWS], shop.inputs(), shop.place)[WINDOWS]
    last_day = end_of_observation(shop.events, shop.rules)
    expected = [pd.DataFrame(columns=found.columns)]
    for name, days, lag in (window.values() for window in DEFAULT_WINDOWS):
        as_of = last_day + timedelta(days=1 - lag)
        starts = as_of - timedelta(days=days) if days else date.min
        events = [event for event in shop.events if starts <= local(event.at, shop.rules.zone).date() < as_of]
        midnight = datetime(as_of.year, as_of.month, as_of.day, tzinfo=ZoneInfo(shop.rules.zone))
        cutoff = midnight.astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
        customer_of = shop.customer_of(merge_as_of=cutoff) if lag else shop.customer_of()
        rebuilt = profiles(events, customer_of, replace(shop.rules, as_of=as_of)).assign(window_id=name)
        if len(rebuilt):
            expected.append(rebuilt[list(found.columns)].astype(object))
    assert_frames_agree(found, pd.concat(expected), ("window_id", "customer_id"))


@seeds(EXAMPLES // 3)
def test_affinities_agree_with_the_oracle(seed: int) -> None:
    shop = random_shop(seed)
    tables = run([AFFINITY, TOTALS, PATHS], shop.inputs(), shop.place)
    path_of = dict(zip(tables[PATHS]["path_number"], tables[PATHS]["category_path"], strict=True))
    totals = tables[TOTALS].set_index("customer_id")
    customer_of = shop.customer_of()
    kept, _ = without_duplicates(shop.events)
    expected = {}
    for customer in {customer_of.get(event.customer_id, event.customer_id) for event in kept}:
        own = [event for event in kept if customer_of.get(event.customer_id, event.customer_id) == customer]
        counts = category_counts(own, shop.rules)
        weights = {key: views + 2 * carts + 5 * bought for key, (views, carts, bought) in counts.items()}
        for (level, path), numbers in counts.items():
            whole = sum(weight for (other, _), weight in weights.items() if other == level)
            expected[customer, level, path] = (*numbers, weights[level, path], whole)
    assert {
        (row.customer_id, row.category_level, path_of[row.path_number]): (
            row.view_count,
            row.cart_count,
            row.purchase_count,
            row.weight,
            totals.loc[row.customer_id, f"total_weight_{row.category_level}"],
        )
        for row in tables[AFFINITY].itertuples(index=False)
    } == expected


def event(**given: Any) -> dict[str, Any]:
    """Return a row of text with defaults."""
    return {"customer_id": "ann", "event_at": "2024-05-01 10:00:00", "event_type": "page_view", **given}


def test_all_optional_columns_may_be_missing_at_once() -> None:
    rows = [event(), event(event_type="support_contact"), event(event_at="2024-05-03 11:00:00")]
    found = run([PROFILES], inputs(rows, columns=["customer_id", "event_at", "event_type"]))[PROFILES].iloc[0]
    assert (found["session_count"], found["page_views"], found["order_count"], found["tenure_days"]) == (
        2,
        2,
        0,
        2,
    )
    assert pd.isna(found["top_category"])


@pytest.mark.parametrize(
    "missing",
    [name for name in EVENT_COLUMNS if name not in ("customer_id", "event_at", "event_type", "amount")],
)
def test_each_optional_column_may_be_missing(missing: str) -> None:
    rows = [
        event(event_type="purchase", amount="5", order_id="o", event_id="e", session_id="s", category="Home")
    ]
    found = run([PROFILES], inputs(rows, columns=[name for name in EVENT_COLUMNS if name != missing]))[
        PROFILES
    ].iloc[0]
    assert (found["gross_revenue"], found["order_count"], found["session_count"]) == (5, 1, 1)


def test_columns_may_be_typed() -> None:
    rows = pa.table(
        {
            "customer_id": pa.array([7, 7, 7], pa.int64()),
            "event_at": pa.array([datetime(2024, 5, 1, 23, 30)] * 3, pa.timestamp("us")),
            "event_type": pa.array(["purchase"] * 3),
            "amount": pa.array([float("nan"), float("inf"), 19.99], pa.float64()),
            "event_id": pa.array([1, 2, 3], pa.int32()),
        }
    )
    found = run(
        [PROFILES, TYPED],
        {**inputs([]), "segmentry_demo_events": rows},
        {"segmentry_input_time_zone": "America/New_York"},
    )
    assert found[PROFILES]["customer_id"].tolist() == ["7"]
    assert found[PROFILES]["gross_revenue"].tolist() == [Decimal("19.99")]
    assert found[PROFILES]["last_order_at"].tolist() == [datetime(2024, 5, 2, 3, 30)]
    assert Counter(found[TYPED]["reject_reason"].dropna()) == {"unparsable_amount": 2}


WHITE_SPACE = "\t\n\x0b\x0c\r\x85" + "".join(
    character for character in map(chr, range(0x3001)) if unicodedata.category(character).startswith("Z")
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.text(WHITE_SPACE + "aA~!\x1c\x7f\u0301\u200b\u200d\u00e9\u20ac\U0001f600", max_size=6), max_size=20
    )
)
def test_texts_lose_white_space_around_them_and_nothing_else(texts: list[str]) -> None:
    rows = [event(event_id=f"e{number}", channel=text) for number, text in enumerate(texts)]
    found = run([TYPED], inputs(rows))[TYPED]
    cleaned = {row.event_id: None if pd.isna(row.channel) else row.channel for row in found.itertuples()}
    assert cleaned == {f"e{number}": text.strip(WHITE_SPACE) or None for number, text in enumerate(texts)}


def test_absurd_is_meant_in_the_reporting_currency() -> None:
    rows = [
        event(event_type="purchase", amount=amount, currency=currency)
        for amount, currency in [("50000000", "JPY"), ("50000000", "EUR")]
    ]
    found = run([TYPED], inputs(rows))[TYPED]
    assert Counter(found["reject_reason"].fillna("kept")) == {"kept": 1, "absurd_amount": 1}


def test_events_after_as_of_are_left_out_and_not_lost() -> None:
    rows = [event(event_at=f"2024-05-0{day} 12:00:00", event_id=f"e{day}") for day in range(1, 6)]
    found = run([RESOLVED, PROFILES], inputs(rows), {"segmentry_as_of": "2024-05-03"})
    assert len(found[RESOLVED]) == 2
    assert found[PROFILES]["tenure_days"].tolist() == [1]


def test_the_time_of_a_retired_id_is_its_own_merge() -> None:
    merges = [Statement("old", "new", datetime(2024, 5, 2)), Statement("new", "last", datetime(2024, 5, 4))]
    rows = [
        event(customer_id=customer, event_at=f"2024-05-0{day}")
        for customer in ["old", "new", "last"]
        for day in [1, 3, 5]
    ]
    found = run([RESOLVED], inputs(rows, merges))[RESOLVED]
    retired = {
        (row.source_customer_id, row.event_at.day) for row in found.itertuples() if row.is_on_retired_id
    }
    assert retired == {("old", 3), ("old", 5), ("new", 5)}
    assert set(found["customer_id"]) == {"last"}


def test_customers_split_over_aliases_are_the_same_customers() -> None:
    rng = random.Random(5)
    whole = random_shop(12)
    rows, merges, names = [], [], {}
    for row in whole.rows:
        customer = row.meaning.customer_id if isinstance(row.meaning, Event) else None
        alias = (
            names.setdefault((customer, rng.randrange(3)), f"alias{len(names)}")
            if customer and rng.random() < 0.7
            else None
        )
        rows.append({**row.text, "customer_id": alias} if alias else row.text)
    for (customer, _), alias in names.items():
        merges.append(Statement(alias, customer, datetime(2024, 1, 1)))
    split = run([PROFILES], inputs(rows, merges), whole.place)[PROFILES]
    unsplit = run([PROFILES], inputs([row.text for row in whole.rows]), whole.place)[PROFILES]
    assert len(unsplit) > 3
    assert split["merged_id_count"].sum() == len(names)
    assert_identical(split, unsplit)


def assert_identical(split: pd.DataFrame, unsplit: pd.DataFrame) -> None:
    """Whether two tables of profiles are equal to the last digit, the count of merged ids aside."""
    tables = [
        table.drop(columns="merged_id_count").sort_values("customer_id").reset_index(drop=True)
        for table in (split, unsplit)
    ]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


@pytest.mark.skipif(not SHARED_DATA.exists(), reason="the real data sets are not here")
@pytest.mark.parametrize("data_set", ["cdnow", "online_retail"])
def test_real_customers_split_over_aliases_are_the_same_customers(data_set: str) -> None:
    if data_set == "cdnow":
        events = pd.read_parquet(SHARED_DATA / "cdnow_sample.parquet")
    else:
        lines = (
            pd.read_parquet(SHARED_DATA / "online_retail_2010_2011.parquet")
            .dropna(subset=["customer_id"])
            .iloc[::5]
        )
        refunded = lines["quantity"] < 0
        events = lines.assign(
            event_type=refunded.map({True: "refund", False: "purchase_item"}),
            amount=(lines["quantity"] * lines["unit_price"]).round(2),
            channel=lines["country"],
            category=lines["product_id"].str[:2],
        )
    columns = [name for name in EVENT_COLUMNS if name in events.columns]
    events = events.assign(
        event_at=events["event_time"], customer_id=events["customer_id"].astype(int).astype(str)
    )
    events = events[["event_at", *columns]].reset_index(drop=True)

    # Three aliases for each customer, in chains: alias 2 into alias 1 into the customer.
    number = pd.Series(random.Random(6).choices(range(3), k=len(events)))
    suffix = number.map({0: "", 1: "-b", 2: "-c"})
    customers = sorted(set(events["customer_id"]))
    merges = [Statement(f"{id_}-c", f"{id_}-b", datetime(2012, 1, 1)) for id_ in customers]
    merges += [Statement(f"{id_}-b", id_, datetime(2012, 1, 2)) for id_ in customers]
    unsplit = run([PROFILES], {**inputs([]), "segmentry_demo_events": events})[PROFILES]
    split_events = events.assign(customer_id=events["customer_id"] + suffix)
    split = run([PROFILES], {**inputs([], merges), "segmentry_demo_events": split_events})[PROFILES]
    assert len(unsplit) == len(customers) > 1000
    assert set(split["merged_id_count"]) == {2}
    assert_identical(split, unsplit)
    bought = events[events["event_type"] != "refund"]["amount"]
    assert float(unsplit["gross_revenue"].sum()) == pytest.approx(bought.sum(), abs=1e-4)


def test_no_sql_has_a_dangling_comma() -> None:
    models = in_order(compiled(), [PROFILES, WINDOWS], [])
    dangling = re.compile(r",\s*(from|where|group by|order by)\b")
    assert [model.name for model in models if dangling.search(re.sub(r"--.*", "", model.sql))] == []
