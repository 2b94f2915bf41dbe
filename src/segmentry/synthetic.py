"""Synthetic customers: their events, the merge history of their ids, and the truth behind both.

The data set serves demonstrations, tests and benchmarks: it has the shape of a web shop's export, its
customers belong to known archetypes, and every defect in it was planted and counted.

How a customer comes about
    A row of `ARCHETYPES` describes one kind of customer by its averages. Each person draws rates of their own
    around them (gamma and beta distributed, so that archetypes overlap and counts are over-dispersed, as real
    ones are) and visits as a Poisson process whose intensity follows the season. A visit is a walk of views,
    carts, a checkout and an order; order values are lognormal within and between persons.

What is promised
    - Same configuration, same bytes. Customers come in blocks of `BLOCK_CUSTOMERS`; block *b* draws each
      subject from ``SeedSequence([seed, subject, b])``, so neither `chunk_customers` nor the number of
      threads changes the content. (NumPy may change its streams between major versions, and the last bit of
      ``exp`` belongs to the platform.)
    - Defects are *additional* rows. What is left after rejecting them is the clean set (``dirt=0``), row for
      row, so that a pipeline can be checked for equality and not just for survival. Planted conflicts and
      cycles are older than the genuine merges: the policies "latest" and "latest wins" restore the clean map.
    - Which person and archetype an id belongs to stands in the truth table only.

Sources: gamma-mixed Poisson purchasing is Ehrenberg's (*Repeat-Buying*, 1988); see also Fader, Hardie and
Lee, "Counting your customers the easy way", Marketing Science 24(2), 2005.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from segmentry.exceptions import ConfigurationError

__all__ = [
    "ARCHETYPES",
    "BLOCK_CUSTOMERS",
    "DEMO",
    "DEPARTMENTS",
    "EVENT_COLUMNS",
    "EVENT_TYPES",
    "ID_HISTORY_COLUMNS",
    "TRUTH_COLUMNS",
    "Archetype",
    "Dataset",
    "EventDefects",
    "GeneratorConfig",
    "MergeDefects",
    "Summary",
    "archetype_table",
    "generate_dataset",
    "generate_events",
    "generate_id_history",
    "generate_small_dataset",
    "write_dataset",
    "write_demo",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = dict[str, Ints]

# -------- the tables

EVENT_COLUMNS: Final = (
    "event_id",
    "customer_id",
    "event_at",
    "event_type",
    "session_id",
    "order_id",
    "channel",
    "device_type",
    "category",
    "product_id",
    "quantity",
    "amount",
    "discount_amount",
    "currency",
)
ID_HISTORY_COLUMNS: Final = ("old_id", "new_id", "merged_at", "source")
TRUTH_COLUMNS: Final = ("raw_id", "person_id", "archetype")
EVENT_TYPES: Final = (
    "session_start",
    "page_view",
    "category_view",
    "item_view",
    "add_to_cart",
    "checkout",
    "purchase",
    "purchase_item",
    "refund",
    "email_open",
    "email_click",
    "support_contact",
)
DEPARTMENTS: Final[Mapping[str, Mapping[str, tuple[str, str, str]]]] = {
    "Outdoor": {
        "Tents": ("Family", "Trekking", "Festival"),
        "Packs": ("Day", "Touring", "Kids"),
        "Bikes": ("City", "Trail", "Parts"),
    },
    "Fashion": {
        "Women": ("Dresses", "Shirts", "Coats"),
        "Men": ("Shirts", "Trousers", "Jackets"),
        "Shoes": ("Sneakers", "Boots", "Sandals"),
    },
    "Home": {
        "Kitchen": ("Pans", "Knives", "Storage"),
        "Bedroom": ("Linen", "Lamps", "Pillows"),
        "Garden": ("Tools", "Seeds", "Grills"),
    },
    "Tech": {
        "Audio": ("Headphones", "Speakers", "Radios"),
        "Phones": ("Cases", "Chargers", "Handsets"),
        "Smart": ("Lights", "Locks", "Watches"),
    },
    "Beauty": {
        "Skin": ("Creams", "Sun", "Masks"),
        "Hair": ("Shampoo", "Colour", "Brushes"),
        "Scent": ("Perfume", "Candles", "Sets"),
    },
}
"""Department > group > shelf; every event with a category names one, two or three levels."""

_CHANNELS: Final = ("direct", "organic", "paid", "social", "referral", "email")
_DEVICES: Final = ("mobile", "desktop", "tablet")
_SHELVES_PER_GROUP: Final = 3
_SHELVES_PER_DEPARTMENT: Final = 9
_PRODUCTS_PER_SHELF: Final = 20


@dataclass(frozen=True)
class Archetype:
    """One kind of customer: the averages that its persons vary around.

    Attributes
    ----------
    name : str
        Name in the truth table.
    share : float
        Share of all customers.
    tenure : tuple[float, float]
        First visit, as a share of the window before its end: least and most.
    silence : tuple[float, float]
        Share of the tenure, at its end, without any activity.
    sessions_per_month, pages_per_session : float
        Visits while active (at the default activity), and views in a visit.
    conversion : float
        Share of the visits that end in an order.
    cart_abandonment : float
        Share of the visits with a cart that do not end in an order.
    order_value, order_spread : float
        Median of an order before discount (currency units), and sigma of its logarithm for one person.
    lines_per_order : float
        Products in a cart.
    discount_share, discount_depth : float
        Share of the orders with a discount, and its mean share of the order.
    refund_rate : float
        Share of the orders with a refund.
    emails_per_month, support_per_month : float
        Opened emails and contacts with support while active.
    weekend_share : float
        Share of the visits on Saturday or Sunday (2/7 = .29 means no preference).
    hours : tuple[tuple[float, float, float], ...]
        Peaks of the day: hour (UTC), width in hours, weight.
    season : tuple[float, ...]
        Intensity per calendar month, January first.
    channels, devices, departments : tuple[float, ...]
        Weights in the order of ``direct, organic, paid, social, referral, email``, of ``mobile,
        desktop, tablet``, and of `DEPARTMENTS`.
    """

    name: str
    share: float
    tenure: tuple[float, float]
    silence: tuple[float, float]
    sessions_per_month: float
    pages_per_session: float
    conversion: float
    cart_abandonment: float
    order_value: float
    order_spread: float
    lines_per_order: float
    discount_share: float
    discount_depth: float
    refund_rate: float
    emails_per_month: float
    support_per_month: float
    weekend_share: float
    hours: tuple[tuple[float, float, float], ...]
    season: tuple[float, ...]
    channels: tuple[float, ...]
    devices: tuple[float, ...]
    departments: tuple[float, ...]

    @property
    def orders_per_month(self) -> float:
        """Orders a month while active, at the default activity."""
        return self.sessions_per_month * self.conversion


ARCHETYPES: Final = (
    Archetype(
        name="high_value_loyalists",
        share=0.15,
        tenure=(0.4, 1.0),
        silence=(0.0, 0.02),
        sessions_per_month=1.0,
        pages_per_session=3.4,
        conversion=0.46,
        cart_abandonment=0.14,
        order_value=160.0,
        order_spread=0.50,
        lines_per_order=1.6,
        discount_share=0.1,
        discount_depth=0.10,
        refund_rate=0.05,
        emails_per_month=0.35,
        support_per_month=0.05,
        weekend_share=0.22,
        hours=((9.0, 2.5, 0.3), (18.5, 2.5, 0.7)),
        season=(0.9, 0.9, 1.0, 1.0, 1.0, 1.0, 0.9, 0.9, 1.0, 1.1, 1.3, 1.4),
        channels=(0.42, 0.18, 0.06, 0.06, 0.08, 0.20),
        devices=(0.42, 0.48, 0.10),
        departments=(0.30, 0.18, 0.22, 0.22, 0.08),
    ),
    Archetype(
        name="bargain_hunters",
        share=0.24,
        tenure=(0.22, 1.0),
        silence=(0.0, 0.03),
        sessions_per_month=0.62,
        pages_per_session=5.4,
        conversion=0.34,
        cart_abandonment=0.58,
        order_value=42.0,
        order_spread=0.50,
        lines_per_order=1.4,
        discount_share=0.88,
        discount_depth=0.28,
        refund_rate=0.10,
        emails_per_month=0.4,
        support_per_month=0.03,
        weekend_share=0.34,
        hours=((12.5, 2.0, 0.3), (20.5, 2.0, 0.7)),
        season=(1.4, 0.8, 0.8, 0.9, 0.8, 1.0, 1.4, 0.8, 0.8, 0.9, 2.0, 1.2),
        channels=(0.10, 0.16, 0.30, 0.14, 0.12, 0.18),
        devices=(0.62, 0.30, 0.08),
        departments=(0.10, 0.38, 0.18, 0.20, 0.14),
    ),
    Archetype(
        name="occasional_browsers",
        share=0.28,
        tenure=(0.16, 1.0),
        silence=(0.0, 0.05),
        sessions_per_month=0.4,
        pages_per_session=1.5,
        conversion=0.009,
        cart_abandonment=0.7,
        order_value=38.0,
        order_spread=0.55,
        lines_per_order=1.1,
        discount_share=0.2,
        discount_depth=0.12,
        refund_rate=0.06,
        emails_per_month=0.3,
        support_per_month=0.005,
        weekend_share=0.48,
        hours=((14.0, 4.0, 0.4), (21.0, 2.5, 0.6)),
        season=(1.0, 0.9, 1.0, 1.0, 1.1, 1.0, 1.0, 1.0, 0.9, 1.0, 1.2, 1.3),
        channels=(0.10, 0.38, 0.12, 0.30, 0.08, 0.02),
        devices=(0.72, 0.18, 0.10),
        departments=(0.18, 0.24, 0.24, 0.18, 0.16),
    ),
    Archetype(
        name="new_customers",
        share=0.11,
        tenure=(0.005, 0.1),
        silence=(0.0, 0.15),
        sessions_per_month=2.0,
        pages_per_session=3.0,
        conversion=0.3,
        cart_abandonment=0.4,
        order_value=62.0,
        order_spread=0.50,
        lines_per_order=1.3,
        discount_share=0.4,
        discount_depth=0.15,
        refund_rate=0.08,
        emails_per_month=0.6,
        support_per_month=0.10,
        weekend_share=0.3,
        hours=((13.0, 3.0, 0.4), (20.0, 2.5, 0.6)),
        season=(1.0,) * 12,
        channels=(0.10, 0.20, 0.36, 0.24, 0.08, 0.02),
        devices=(0.68, 0.26, 0.06),
        departments=(0.16, 0.26, 0.16, 0.24, 0.18),
    ),
    Archetype(
        name="churning_customers",
        share=0.22,
        tenure=(0.55, 1.0),
        silence=(0.5, 0.85),
        sessions_per_month=1.0,
        pages_per_session=2.5,
        conversion=0.48,
        cart_abandonment=0.3,
        order_value=70.0,
        order_spread=0.50,
        lines_per_order=1.4,
        discount_share=0.22,
        discount_depth=0.14,
        refund_rate=0.14,
        emails_per_month=0.25,
        support_per_month=0.12,
        weekend_share=0.27,
        hours=((11.0, 3.0, 0.5), (19.0, 3.0, 0.5)),
        season=(1.0, 0.9, 1.0, 1.0, 1.0, 1.0, 0.9, 0.9, 1.0, 1.0, 1.2, 1.3),
        channels=(0.26, 0.28, 0.18, 0.10, 0.10, 0.08),
        devices=(0.50, 0.42, 0.08),
        departments=(0.18, 0.24, 0.26, 0.20, 0.12),
    ),
)
"""The one table of archetypes; `archetype_table` shows it as a frame.

These are the people on a customer list, not the traffic of a site: their visits end in orders far more often
than those of passers-by.
"""

# How far persons differ within an archetype: shape of gamma multipliers (mean 1, coefficient of variation
# 1/sqrt(shape)), concentration of beta-distributed shares, sigma of the logarithm of a person's order value.
_RATE_SHAPE: Final = 12.0
_PAGES_SHAPE: Final = 40.0
_SHARE_CONCENTRATION: Final = 40.0
_VALUE_SPREAD: Final = 0.28
# How strongly a person keeps to a favourite channel, device, shelf; and a visit to its own shelf.
_CHANNEL_LOYALTY: Final = 0.4
_DEVICE_LOYALTY: Final = 0.75
_SHELF_LOYALTY: Final = 0.4
_VISIT_FOCUS: Final = 0.7

_MOST_ALIASES: Final = 15
_ID_BITS: Final = 28
_LATEST_MERGE_DAYS: Final = 21
_FULL_REFUND_SHARE: Final = 0.6
_REFUND_WITHOUT_ORDER_SHARE: Final = 0.05
_EMAIL_CLICK_SHARE: Final = 0.25
_CHECKOUT_OF_ABANDONED: Final = 0.35
_DAY: Final = 86_400
_DAYS_PER_MONTH: Final = 365.25 / 12

BLOCK_CUSTOMERS: Final = 5_000
"""Customers per block: the unit of randomness, and the least held in memory. Another number, other data."""

# The second number of the seed sequence: a subject never shares a stream with another.
_PEOPLE, _ALIASES, _VISITS, _WALKS, _MESSAGES, _REFUNDS, _MERGES, _EVENT_DIRT, _MERGE_DIRT = range(9)

# -------- configuration


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EventDefects(_Settings):
    """Defective rows added to the events, each as a share of the clean events.

    Every row is a copy of a clean one with a single defect; all but the two kinds of duplicates have an event
    id of their own (prefix ``x``).
    """

    missing_customer: float = Field(default=0.002, ge=0, le=1, description="customer_id is NULL or empty")
    missing_time: float = Field(default=0.001, ge=0, le=1, description="event_at is NULL")
    future_time: float = Field(default=0.0005, ge=0, le=1, description="event_at lies 75 years ahead")
    unknown_type: float = Field(default=0.001, ge=0, le=1, description="event_type is none of EVENT_TYPES")
    unparsable_amount: float = Field(
        default=0.001, ge=0, le=1, description="a purchase whose amount is no number"
    )
    negative_purchase: float = Field(default=0.0005, ge=0, le=1, description="a purchase below zero")
    unknown_currency: float = Field(default=0.0005, ge=0, le=1, description="a purchase in currency XXX")
    duplicate: float = Field(
        default=0.003, ge=0, le=1, description="the same row, event_id included, once more"
    )
    conflicting_duplicate: float = Field(
        default=0.001, ge=0, le=1, description="the same event_id, a second later, other device"
    )


class MergeDefects(_Settings):
    """Defective rows added to the id history, each as a share of the genuine merges."""

    duplicate: float = Field(default=0.02, ge=0, le=1, description="the same row once more")
    conflict: float = Field(
        default=0.01, ge=0, le=1, description="an old id also merged, earlier, into a stranger's id"
    )
    cycle: float = Field(
        default=0.004, ge=0, le=1, description="a surviving id also merged, earlier, into one of its aliases"
    )
    self_merge: float = Field(default=0.004, ge=0, le=1, description="an id merged into itself")
    empty_old_id: float = Field(default=0.004, ge=0, le=1, description="old_id is NULL or empty")
    empty_new_id: float = Field(default=0.004, ge=0, le=1, description="new_id is NULL or empty")
    placeholder_id: float = Field(default=0.004, ge=0, le=1, description="one of the ids is 'unknown'")
    missing_merged_at: float = Field(
        default=0.004, ge=0, le=1, description="two strangers' ids, merged_at is NULL"
    )


class GeneratorConfig(_Settings):
    """What to generate.

    Attributes
    ----------
    n_customers : int
        Persons, not ids.
    events_per_customer : float
        Expected clean events per person. Sets the activity (visits, emails, contacts) of everybody.
    months : int
        Length of the window.
    end_date : datetime.date
        End of the window, exclusive: the last event is before its midnight (UTC).
    seed : int
        Seed of everything.
    currency : str
        Currency of all money.
    several_ids : float
        Share of the persons with more than one id.
    more_ids : float
        Probability of yet another id after the second (geometric).
    chained : float
        Probability that an alias is merged into the next one and not straight into the surviving id.
    late_merges : float
        Share of the merges recorded only after the window has ended, by up to three weeks.
    retired_use : float
        Share of the visits still recorded under the id before the current one.
    dirt : float
        Multiplies every defect rate; 0 gives a clean set.
    event_defects, merge_defects
        Rates of the defects.

    Examples
    --------
    >>> GeneratorConfig(n_customers=100, dirt=0).months
    24
    """

    n_customers: int = Field(default=1_000, ge=1, le=2**24)
    events_per_customer: float = Field(default=50.0, ge=10, le=2_000)
    months: int = Field(default=24, ge=1, le=240)
    end_date: date = date(2026, 10, 1)
    seed: int = Field(default=42, ge=0)
    currency: str = Field(default="EUR", pattern="^[A-Z]{3}$")
    several_ids: float = Field(default=0.25, ge=0, le=1)
    more_ids: float = Field(default=0.35, ge=0, lt=1)
    chained: float = Field(default=0.7, ge=0, le=1)
    late_merges: float = Field(default=0.02, ge=0, le=1)
    retired_use: float = Field(default=0.03, ge=0, le=1)
    dirt: float = Field(default=1.0, ge=0)
    event_defects: EventDefects = EventDefects()
    merge_defects: MergeDefects = MergeDefects()


DEMO: Final = GeneratorConfig(n_customers=1_000, events_per_customer=27, seed=6)
"""The demonstration that ships as seeds."""


@dataclass(frozen=True)
class Dataset:
    """Generated tables in memory.

    Attributes
    ----------
    events, id_history, truth : pandas.DataFrame
        Columns `EVENT_COLUMNS`, `ID_HISTORY_COLUMNS`, `TRUTH_COLUMNS`.
    planted : dict[str, dict[str, int]]
        Number of defective rows of each kind, under ``events`` and ``id_history``.
    """

    events: pd.DataFrame
    id_history: pd.DataFrame
    truth: pd.DataFrame
    planted: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Summary:
    """What `write_dataset` wrote, in rows.

    Attributes
    ----------
    customers, events, merges, ids : int
        Persons, rows of the events, of the id history, of the truth.
    planted : dict[str, dict[str, int]]
        Number of defective rows of each kind (they are part of `events` and `merges`).
    """

    customers: int
    events: int
    merges: int
    ids: int
    planted: dict[str, dict[str, int]]

    def __str__(self) -> str:
        """Say it in one line."""
        defects = sum(sum(kinds.values()) for kinds in self.planted.values())
        return (
            f"{self.events:,} events and {self.merges:,} merges of {self.customers:,} customers "
            f"under {self.ids:,} ids; {defects:,} of the rows are planted defects"
        )


# -------- public functions


def archetype_table() -> pd.DataFrame:
    """Show `ARCHETYPES` as a frame.

    Returns
    -------
    pandas.DataFrame
        One row per archetype, one column per attribute of `Archetype`, and ``orders_per_month``.

    Examples
    --------
    >>> float(archetype_table()["share"].sum())
    1.0
    """
    table = pd.DataFrame([asdict(archetype) for archetype in ARCHETYPES])
    return table.assign(orders_per_month=[archetype.orders_per_month for archetype in ARCHETYPES])


def generate_dataset(config: GeneratorConfig | None = None, **settings: Any) -> Dataset:
    """Generate events, merge history and truth in memory.

    Parameters
    ----------
    config : GeneratorConfig, optional
        What to generate; the defaults without it.
    **settings
        Fields of `GeneratorConfig`, over those of `config`.

    Returns
    -------
    Dataset
        ``amount`` is float64 in a clean set and text as soon as ``dirt > 0``, because an amount that can't be
        parsed has no place among numbers.

    Raises
    ------
    ConfigurationError
        When a setting is unknown or out of range.

    Examples
    --------
    >>> data = generate_dataset(n_customers=20, dirt=0)
    >>> data.truth["person_id"].nunique()
    20
    """
    settled = _settle(config, settings)
    parts = list(_parts(settled))
    return Dataset(
        events=_frame([part.events for part in parts]),
        id_history=_frame([part.id_history for part in parts]),
        truth=_frame([part.truth for part in parts]),
        planted=_add_up(part.planted for part in parts),
    )


def generate_events(config: GeneratorConfig | None = None, **settings: Any) -> pd.DataFrame:
    """Generate the events alone; see `generate_dataset`.

    Parameters
    ----------
    config : GeneratorConfig, optional
        What to generate; the defaults without it.
    **settings
        Fields of `GeneratorConfig`, over those of `config`.

    Returns
    -------
    pandas.DataFrame
        One row per event, columns `EVENT_COLUMNS`.

    Examples
    --------
    >>> events = generate_events(n_customers=20, dirt=0)
    >>> bool(events["event_id"].is_unique)
    True
    """
    return generate_dataset(config, **settings).events


def generate_id_history(config: GeneratorConfig | None = None, **settings: Any) -> pd.DataFrame:
    """Generate the merge history alone; it belongs to the events of the same configuration.

    Parameters
    ----------
    config : GeneratorConfig, optional
        What to generate; the defaults without it.
    **settings
        Fields of `GeneratorConfig`, over those of `config`.

    Returns
    -------
    pandas.DataFrame
        One row per merge, columns `ID_HISTORY_COLUMNS`.

    Raises
    ------
    ConfigurationError
        When a setting is unknown or out of range.

    Examples
    --------
    >>> list(generate_id_history(n_customers=20, dirt=0).columns)
    ['old_id', 'new_id', 'merged_at', 'source']
    """
    settled = _settle(config, settings)
    return _frame([_id_history(settled, _draw_block(settled, block))[0] for block in _blocks(settled)])


def generate_small_dataset(n_customers: int = 500, seed: int = 42) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Generate a small clean set to try things with.

    Parameters
    ----------
    n_customers : int
        Persons.
    seed : int
        Seed of everything.

    Returns
    -------
    tuple[pandas.DataFrame, pandas.DataFrame]
        Events and id history, without defects.

    Examples
    --------
    >>> events, id_history = generate_small_dataset(n_customers=30)
    >>> bool(id_history["old_id"].is_unique)
    True
    """
    data = generate_dataset(n_customers=n_customers, seed=seed, dirt=0)
    return data.events, data.id_history


def write_dataset(
    config: GeneratorConfig,
    directory: str | Path,
    format: Literal["parquet", "csv"] = "parquet",
    chunk_customers: int = BLOCK_CUSTOMERS,
) -> Summary:
    """Write events, id history, truth and the counts of planted defects, in constant memory.

    Parameters
    ----------
    config : GeneratorConfig
        What to generate.
    directory : str or pathlib.Path
        Where ``events``, ``id_history`` and ``truth`` (``.parquet`` or ``.csv``) and ``planted.json`` go. It
        is created; files of these names are replaced.
    format : {"parquet", "csv"}
        In Parquet, money is ``DECIMAL(18,2)``; with ``dirt > 0`` the column ``amount`` is text.
    chunk_customers : int
        Customers held in memory at a time, in whole blocks of `BLOCK_CUSTOMERS`. The rows and their order do
        not depend on it.

    Returns
    -------
    Summary
        Rows written, and defects planted.

    Raises
    ------
    ConfigurationError
        When `format` or `chunk_customers` is none that exists.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     write_dataset(GeneratorConfig(n_customers=20), directory).customers
    20
    """
    if format not in ("parquet", "csv"):
        raise ConfigurationError(f"Unknown format {format!r}. Use 'parquet' or 'csv'.")
    if chunk_customers < 1:
        raise ConfigurationError(f"chunk_customers is {chunk_customers}; at least 1 customer makes a chunk.")
    folder = Path(directory)
    paths = {name: folder / f"{name}.{format}" for name in ("events", "id_history", "truth")}
    summary = _write(config, paths, chunk_customers)
    (folder / "planted.json").write_text(json.dumps(summary.planted, indent=2) + "\n", encoding="utf-8")
    return summary


def write_demo(directory: str | Path = "seeds") -> Summary:
    """Write the demonstration `DEMO` as the two seed files (``python scripts/generate_data.py --demo``).

    Parameters
    ----------
    directory : str or pathlib.Path
        Where ``segmentry_demo_events.csv`` and ``segmentry_demo_id_history.csv`` go.

    Returns
    -------
    Summary
        Rows written, and defects planted.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     write_demo(directory).customers
    1000
    """
    folder = Path(directory)
    paths = {name: folder / f"segmentry_demo_{name}.csv" for name in ("events", "id_history")}
    return _write(DEMO, paths, DEMO.n_customers)


# -------- blocks


@dataclass(frozen=True)
class _Part:
    """One block, finished."""

    events: pa.Table
    id_history: pa.Table
    truth: pa.Table
    planted: dict[str, dict[str, int]]


@dataclass(frozen=True)
class _Window:
    """The observed time, in seconds of Unix time and in days since its start."""

    start: int
    end: int
    days: int


@dataclass(frozen=True)
class _People:
    """Persons of a block; every array has one entry per person."""

    kind: Ints  # row of ARCHETYPES
    first: Ints  # first and last moment of activity
    last: Ints
    activity: Floats  # multiplies all rates
    pages: Floats
    cart_rate: Floats
    completion: Floats
    value: Floats  # logarithm of the median order
    discount_share: Floats
    weekend_share: Floats
    hour_shift: Ints
    channel: Ints
    device: Ints
    shelf: Ints


@dataclass(frozen=True)
class _Ids:
    """Raw ids of a block: person i has names[start[i] : start[i] + count[i]], the last one survives."""

    names: pa.Array
    person: Ints
    start: Ints
    count: Ints

    @property
    def survivor(self) -> Ints:
        return self.start + self.count - 1


@dataclass(frozen=True)
class _Block:
    """Who lives in a block, and when."""

    number: int
    window: _Window
    people: _People
    ids: _Ids


@dataclass(frozen=True)
class _Visits:
    """Visits of a block, those of a person next to each other."""

    person: Ints
    begun: Ints
    shelf: Ints
    channel: Ints
    device: Ints
    views: Ints
    lines: Ints  # of the cart, 0 without one
    checkout: Flags
    ordered: Flags


@dataclass(frozen=True)
class _Orders:
    """Orders of a block; their numbers ascend in time."""

    number: Ints
    person: Ints
    at: Ints
    amount: Ints  # cents after discount


@dataclass
class _Counters:
    """Numbers given out so far; ids are unique over all blocks."""

    events: int = 0
    sessions: int = 0
    orders: int = 0
    extras: int = 0


def _settle(config: GeneratorConfig | None, settings: Mapping[str, Any]) -> GeneratorConfig:
    given = {} if config is None else {name: getattr(config, name) for name in GeneratorConfig.model_fields}
    try:
        return GeneratorConfig(**{**given, **settings})
    except ValidationError as error:
        raise ConfigurationError(f"The generator can't use these settings. {error}") from error


def _blocks(config: GeneratorConfig) -> range:
    return range(-(-config.n_customers // BLOCK_CUSTOMERS))


def _rng(config: GeneratorConfig, subject: int, block: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([config.seed, subject, block]))


def _window(config: GeneratorConfig) -> _Window:
    end = pd.Timestamp(config.end_date)
    start = end - pd.DateOffset(months=config.months)
    return _Window(int(start.timestamp()), int(end.timestamp()), (end - start).days)


def _draw_block(config: GeneratorConfig, number: int) -> _Block:
    window = _window(config)
    people = _draw_people(config, number, window)
    return _Block(number, window, people, _draw_ids(config, number, len(people.kind)))


def _parts(config: GeneratorConfig) -> Iterator[_Part]:
    counters = _Counters()
    for number in _blocks(config):
        block = _draw_block(config, number)
        visits = _draw_visits(config, block)
        walks, orders = _walk(config, block, visits)
        rows = _sorted_by_time([walks, _draw_messages(config, block), _draw_refunds(config, block, orders)])
        events = _event_table(config, rows, block.ids, counters)
        counters.events += len(rows["at"])
        counters.sessions += len(visits.person)
        counters.orders += len(orders.person)
        events, planted_events = _plant_event_defects(config, number, events, rows["type"], counters)
        id_history, planted_merges = _id_history(config, block)
        yield _Part(
            events=events,
            id_history=id_history,
            truth=_truth(block),
            planted={"events": planted_events, "id_history": planted_merges},
        )


def _batched(parts: Iterator[_Part], size: int) -> Iterator[list[_Part]]:
    while batch := list(islice(parts, size)):
        yield batch


def _add_up(counts: Iterable[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    total = {
        "events": dict.fromkeys(EventDefects.model_fields, 0),
        "id_history": dict.fromkeys(MergeDefects.model_fields, 0),
    }
    for count in counts:
        for name, kinds in count.items():
            for kind, number in kinds.items():
                total[name][kind] += number
    return total


# -------- random helpers


def _of(field: str) -> Floats:
    """One number per archetype."""
    return np.array([getattr(archetype, field) for archetype in ARCHETYPES], dtype=np.float64)


def _gamma(rng: np.random.Generator, shape: float, size: int) -> Floats:
    return rng.gamma(shape, 1 / shape, size)


def _beta(rng: np.random.Generator, mean: Floats) -> Floats:
    return rng.beta(mean * _SHARE_CONCENTRATION, (1 - mean) * _SHARE_CONCENTRATION)


def _pick(rng: np.random.Generator, weights: Floats, row: Ints) -> Ints:
    """Draw a column of `weights`, shape (rows, columns), for each entry of `row`.

    All cumulated rows stand end to end in one ascending array, so one binary search serves every draw.
    """
    columns = weights.shape[1]
    cumulated = weights.cumsum(axis=1)
    ladder = cumulated / cumulated[:, -1:] + np.arange(len(weights))[:, None]
    found = np.searchsorted(ladder.ravel(), row + rng.random(len(row)), side="right") - row * columns
    drawn: Ints = np.minimum(found, columns - 1)
    return drawn


def _within(counts: Ints) -> Ints:
    """Count from 0 within each group: sizes (2, 3) give 0 1 0 1 2."""
    return np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)


def _rank(values: Ints) -> Ints:
    """Rank from 0, ties in order of place."""
    rank = np.empty(len(values), np.int64)
    rank[np.argsort(values, kind="stable")] = np.arange(len(values))
    return rank


def _rounded(rng: np.random.Generator, expected: float) -> int:
    """Round up or down at random, so that small expectations are met on average."""
    return int(expected + rng.random())


# -------- people and ids


def _draw_people(config: GeneratorConfig, block: int, window: _Window) -> _People:
    rng = _rng(config, _PEOPLE, block)
    size = min(BLOCK_CUSTOMERS, config.n_customers - block * BLOCK_CUSTOMERS)
    kind = rng.choice(len(ARCHETYPES), size, p=_of("share"))

    tenure_least, tenure_most = _of("tenure")[kind].T
    silence_least, silence_most = _of("silence")[kind].T
    tenure = tenure_least + (tenure_most - tenure_least) * rng.beta(1.6, 1.6, size)
    silence = silence_least + (silence_most - silence_least) * rng.beta(1.6, 1.6, size)
    length = np.maximum(tenure * (window.end - window.start), _DAY)
    first = (window.end - length).astype(np.int64)
    last = np.maximum(window.end - (length * silence).astype(np.int64), first + _DAY // 2)

    completion = 1 - _of("cart_abandonment")[kind]
    return _People(
        kind=kind,
        first=first,
        last=last,
        activity=_gamma(rng, _RATE_SHAPE, size),
        pages=_of("pages_per_session")[kind] * _gamma(rng, _PAGES_SHAPE, size),
        cart_rate=_beta(rng, _of("conversion")[kind] / completion),
        completion=_beta(rng, completion),
        value=np.log(_of("order_value")[kind]) + _VALUE_SPREAD * rng.standard_normal(size),
        discount_share=_beta(rng, _of("discount_share")[kind]),
        weekend_share=_beta(rng, _of("weekend_share")[kind]),
        hour_shift=rng.normal(0, 1.0, size).round().astype(np.int64),
        channel=_pick(rng, _of("channels"), kind),
        device=_pick(rng, _of("devices"), kind),
        shelf=_draw_shelf(rng, kind),
    )


def _draw_shelf(rng: np.random.Generator, kind: Ints) -> Ints:
    return _pick(rng, _of("departments"), kind) * _SHELVES_PER_DEPARTMENT + rng.integers(
        _SHELVES_PER_DEPARTMENT, size=len(kind)
    )


def _draw_ids(config: GeneratorConfig, block: int, size: int) -> _Ids:
    rng = _rng(config, _ALIASES, block)
    aliases = np.where(rng.random(size) < config.several_ids, rng.geometric(1 - config.more_ids, size), 0)
    count = np.minimum(aliases, _MOST_ALIASES) + 1
    person = np.repeat(np.arange(size), count)
    rank = _within(count)
    number = (block * BLOCK_CUSTOMERS + person) * (_MOST_ALIASES + 1) + rank
    names = _id_names(number, survives=rank == count[person] - 1)
    return _Ids(names, person, start=count.cumsum() - count, count=count)


def _id_names(number: Ints, survives: Flags) -> pa.Array:
    """Name raw ids: ``c`` (logged in) or ``a`` (cookie) and seven hexadecimal digits.

    The digits are a bijective scramble, so they are unique, but neighbours in name are not of one person.
    """
    mask = (1 << _ID_BITS) - 1
    mixed = number & mask
    for factor in (0x5BD1E995, 0x2C1B3C6D):  # odd, so multiplying modulo a power of two can be undone
        mixed = (mixed * factor) & mask
        mixed ^= mixed >> (_ID_BITS // 2)
    digits = (mixed[:, None] >> np.arange(_ID_BITS - 4, -1, -4)) & 15
    letters = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)[digits]
    prefix = np.where(survives, ord("c"), ord("a")).astype(np.uint8)[:, None]
    return pa.array(np.hstack([prefix, letters]).view("S8").ravel().astype("U8"), pa.string())


def _truth(block: _Block) -> pa.Table:
    ids = block.ids
    kinds = pa.array([archetype.name for archetype in ARCHETYPES])
    survivors = ids.names.take(ids.survivor[ids.person])
    return pa.table([ids.names, survivors, kinds.take(block.people.kind[ids.person])], list(TRUTH_COLUMNS))


# -------- events


def _activity(config: GeneratorConfig) -> float:
    """Factor on visits, on the views in a visit and on messages that meets `events_per_customer` on average.

    A thinner data set has fewer visits *and* shorter ones, so that orders, which say most about a customer,
    become rare only half as fast. With everybody's first visit, the expected events are
    ``(1 + factor visits) (steps + factor views) + factor messages``: a quadratic in the factor.
    """
    share, views, lines = _of("share"), _of("pages_per_session"), _of("lines_per_order")
    conversion = _of("conversion")
    cart_rate = conversion / (1 - _of("cart_abandonment"))
    steps = (
        1
        + 2 * lines * cart_rate
        + conversion * (2 + lines + _of("refund_rate"))
        + _CHECKOUT_OF_ABANDONED * (cart_rate - conversion)
    )
    months = config.months * _of("tenure").mean(axis=1) * (1 - _of("silence").mean(axis=1))
    visits = months * _of("sessions_per_month")
    messages = months * (_of("emails_per_month") * (1 + _EMAIL_CLICK_SHARE) + _of("support_per_month"))
    square = share @ (visits * views)
    linear = share @ (views + visits * steps + messages)
    constant = share @ steps - config.events_per_customer
    return float((-linear + np.sqrt(linear**2 - 4 * square * constant)) / (2 * square))


def _active_months(config: GeneratorConfig, people: _People) -> Floats:
    """Months of activity per person, weighted by how active the person is."""
    return _activity(config) * people.activity * (people.last - people.first) / (_DAY * _DAYS_PER_MONTH)


def _empty_rows(size: int) -> Rows:
    """Rows as codes, -1 where there is nothing; text is attached later, once per distinct value."""
    names = ("raw", "type", "session", "order", "channel", "device", "category", "product", "quantity")
    return {"at": np.zeros(size, np.int64)} | {
        name: np.full(size, -1, np.int64) for name in (*names, "amount", "discount")
    }


def _draw_visits(config: GeneratorConfig, block: _Block) -> _Visits:
    """Draw who visits when and how far each visit goes."""
    rng = _rng(config, _VISITS, block.number)
    people = block.people
    count = 1 + rng.poisson(_active_months(config, people) * _of("sessions_per_month")[people.kind])
    person = np.repeat(np.arange(len(count)), count)
    kind, size = people.kind[person], len(person)

    begun = _draw_times(rng, block, person)
    opening = count.cumsum() - count  # what made the customer known: on the first day, at a usual hour
    begun[opening] = people.first // _DAY * _DAY + begun[opening] % _DAY

    def settle(loyalty: float, favourite: Ints, otherwise: Ints) -> Ints:
        return np.where(rng.random(size) < loyalty, favourite[person], otherwise)

    has_cart = rng.random(size) < people.cart_rate[person]
    ordered = has_cart & (rng.random(size) < people.completion[person])
    return _Visits(
        person=person,
        begun=begun,
        shelf=settle(_SHELF_LOYALTY, people.shelf, _draw_shelf(rng, kind)),
        channel=settle(_CHANNEL_LOYALTY, people.channel, _pick(rng, _of("channels"), kind)),
        device=settle(_DEVICE_LOYALTY, people.device, _pick(rng, _of("devices"), kind)),
        views=rng.poisson(_activity(config) * people.pages[person]),
        lines=np.where(has_cart, 1 + rng.poisson(_of("lines_per_order")[kind] - 1), 0),
        checkout=ordered | (has_cart & (rng.random(size) < _CHECKOUT_OF_ABANDONED)),
        ordered=ordered,
    )


def _walk(config: GeneratorConfig, block: _Block, visits: _Visits) -> tuple[Rows, _Orders]:
    """Lay out the rows of all visits, and collect their orders.

    A visit is a run of rows: start, views, (item view, cart) per line, checkout, purchase, items. The place
    of each step follows from the counts, so rows are written where they belong and never sorted.
    """
    rng = _rng(config, _WALKS, block.number)
    views, lines, ordered = visits.views, visits.lines, visits.ordered
    until_checkout = 1 + views + 2 * lines
    length = until_checkout + visits.checkout + ordered * (1 + lines)
    top = length.cumsum() - length
    every = np.arange(len(length))
    session = np.repeat(every, length)
    rows = _empty_rows(len(session))
    rows["type"][top] = _TYPE["session_start"]
    rows["channel"], rows["device"] = visits.channel[session], visits.device[session]

    view = np.repeat(every, views)
    at_view = top[view] + 1 + _within(views)
    shown = _VIEWS[np.searchsorted(_VIEW_LADDER, rng.random(len(view)), side="right")]
    shelf = _near(rng, visits.shelf[view])
    is_item, is_listing = shown == _TYPE["item_view"], shown == _TYPE["category_view"]
    rows["type"][at_view] = shown
    rows["category"][at_view[is_item]] = shelf[is_item]
    rows["product"][at_view[is_item]] = _draw_product(rng, shelf[is_item])
    rows["category"][at_view[is_listing]] = _listing(rng, shelf[is_listing])

    line, rank = np.repeat(every, lines), _within(lines)
    shelf = _near(rng, visits.shelf[line])
    product = _draw_product(rng, shelf)
    quantity = rng.geometric(0.85, len(line))
    bought = ordered[line]
    at_line = top[line] + 1 + views[line] + 2 * rank
    at_item = (top + until_checkout + 2)[line[bought]] + rank[bought]
    everything = np.full(len(line), True)
    for event_type, place, chosen in (
        ("item_view", at_line, everything),
        ("add_to_cart", at_line + 1, everything),
        ("purchase_item", at_item, bought),
    ):
        rows["type"][place] = _TYPE[event_type]
        rows["category"][place] = shelf[chosen]
        rows["product"][place] = product[chosen]
        if event_type != "item_view":
            rows["quantity"][place] = quantity[chosen]

    rows["type"][(top + until_checkout)[visits.checkout]] = _TYPE["checkout"]
    at_purchase = (top + until_checkout + 1)[ordered]
    amount, discount = _draw_amounts(rng, block.people, visits.person[ordered])
    rows["type"][at_purchase] = _TYPE["purchase"]
    rows["amount"][at_purchase] = amount
    rows["discount"][at_purchase] = discount

    # Half an hour of silence ends a visit for most tools, so no pause is that long; items share the second of
    # their purchase. A visit that would outlast the window is moved to just before its end.
    pause = np.minimum(np.exp(rng.normal(3.4, 1.1, len(session))), 1_500).astype(np.int64) + 1
    pause[top] = 0
    pause[at_item] = 0
    elapsed = pause.cumsum()
    elapsed -= elapsed[top][session]
    begun = np.minimum(visits.begun, block.window.end - 1 - elapsed[top + length - 1])
    rows["at"] = begun[session] + elapsed
    rows["raw"] = _id_in_use(rng, config, block, visits.person, begun)[session]
    # Numbers ascend in time: given out by person they would tell which aliases belong together.
    rows["session"] = _rank(begun)[session]
    at = rows["at"][at_purchase]
    orders = _Orders(number=_rank(at), person=visits.person[ordered], at=at, amount=amount)
    rows["order"][at_purchase] = orders.number
    rows["order"][at_item] = np.repeat(orders.number, lines[ordered])
    return rows, orders


_TYPE: Final = {name: code for code, name in enumerate(EVENT_TYPES)}
_VIEWS: Final = np.array([_TYPE["page_view"], _TYPE["category_view"], _TYPE["item_view"]])
_VIEW_LADDER: Final = np.array([0.40, 0.65])


def _draw_times(rng: np.random.Generator, block: _Block, person: Ints) -> Ints:
    """Draw a moment of activity for each entry of `person`, by season, weekday and hour."""
    window, people = block.window, block.people
    kind = people.kind[person]
    first_day = (people.first - window.start) // _DAY
    last_day = (people.last - 1 - window.start) // _DAY
    # Inverse distribution over the person's own stretch of days. All seasons stand end to end, as in _pick.
    days = np.datetime64(window.start, "s").astype("datetime64[D]") + np.arange(window.days)
    calendar_month = days.astype("datetime64[M]").astype(np.int64) % 12
    ladder = np.hstack([np.zeros((len(ARCHETYPES), 1)), _of("season")[:, calendar_month].cumsum(axis=1)])
    ladder = ladder / ladder[:, -1:] + np.arange(len(ARCHETYPES))[:, None]
    low = ladder[people.kind, first_day][person]
    high = ladder[people.kind, last_day + 1][person]
    position = low + (high - low) * rng.random(len(person))
    day = np.searchsorted(ladder.ravel(), position, side="right") - 1 - kind * (window.days + 1)
    day = np.clip(day, first_day[person], last_day[person])

    # Move within the week to the kind of day that the person likes, unless that leaves the stretch.
    weekday = (days[0].astype(np.int64) + 3 + day) % 7  # 1970-01-01 was a Thursday; Monday is 0
    on_weekend = rng.random(len(person)) < people.weekend_share[person]
    wanted = np.where(on_weekend, 5 + rng.integers(2, size=len(person)), rng.integers(5, size=len(person)))
    moved = day - weekday + wanted
    day = np.where((moved >= first_day[person]) & (moved <= last_day[person]), moved, day)

    hour = (_pick(rng, _hour_weights(), kind) + people.hour_shift[person]) % 24
    at: Ints = window.start + day * _DAY + hour * 3_600 + rng.integers(3_600, size=len(person))
    return at


def _hour_weights() -> Floats:
    """Weight of each hour, shape (archetypes, 24): the peaks over a low base, on the circle of the day."""
    hours = np.arange(24)
    weights = np.full((len(ARCHETYPES), 24), 0.004)
    for row, archetype in enumerate(ARCHETYPES):
        for peak, width, weight in archetype.hours:
            distance = (hours - peak + 12) % 24 - 12
            density = np.exp(-0.5 * (distance / width) ** 2)
            weights[row] += weight * density / density.sum()
    return weights


def _near(rng: np.random.Generator, shelf: Ints) -> Ints:
    """Stay at the visit's shelf or wander to another one of the department."""
    stays = rng.random(len(shelf)) < _VISIT_FOCUS
    department = shelf // _SHELVES_PER_DEPARTMENT * _SHELVES_PER_DEPARTMENT
    return np.where(stays, shelf, department + rng.integers(_SHELVES_PER_DEPARTMENT, size=len(shelf)))


def _listing(rng: np.random.Generator, shelf: Ints) -> Ints:
    """Category code of a listing page: the department, the group or the shelf itself."""
    level = rng.random(len(shelf))
    group = _FIRST_GROUP + shelf // _SHELVES_PER_GROUP
    department = _FIRST_DEPARTMENT + shelf // _SHELVES_PER_DEPARTMENT
    return np.where(level < 0.15, department, np.where(level < 0.5, group, shelf))


_SHELVES: Final = [
    f"{department} > {group} > {shelf}"
    for department, groups in DEPARTMENTS.items()
    for group, shelves in groups.items()
    for shelf in shelves
]
_GROUPS: Final = [f"{department} > {group}" for department, groups in DEPARTMENTS.items() for group in groups]
_FIRST_GROUP: Final = len(_SHELVES)
_FIRST_DEPARTMENT: Final = len(_SHELVES) + len(_GROUPS)
_CATEGORIES: Final = [*_SHELVES, *_GROUPS, *DEPARTMENTS]


def _draw_product(rng: np.random.Generator, shelf: Ints) -> Ints:
    """Draw a product of the shelf; squaring a uniform draw makes few products popular."""
    return shelf * _PRODUCTS_PER_SHELF + (_PRODUCTS_PER_SHELF * rng.random(len(shelf)) ** 2).astype(np.int64)


def _draw_amounts(rng: np.random.Generator, people: _People, buyer: Ints) -> tuple[Ints, Ints]:
    """Draw what each order cost after discount, and the discount, in cents."""
    kind = people.kind[buyer]
    gross = np.exp(people.value[buyer] + _of("order_spread")[kind] * rng.standard_normal(len(buyer)))
    gross_cents = np.maximum(np.rint(gross * 100), 100).astype(np.int64)
    depth = _beta(rng, _of("discount_depth")[kind])
    discounted = rng.random(len(buyer)) < people.discount_share[buyer]
    discount = np.where(discounted, np.rint(gross_cents * depth), 0).astype(np.int64)
    return gross_cents - discount, discount


def _id_in_use(
    rng: np.random.Generator, config: GeneratorConfig, block: _Block, person: Ints, at: Ints
) -> Ints:
    """Raw id of each visit: a person's ids follow each other at even distances, a few visits lag behind."""
    people, ids = block.people, block.ids
    passed = (at - people.first[person]) / (people.last - people.first)[person]
    rank = np.clip((passed * ids.count[person]).astype(np.int64), 0, ids.count[person] - 1)
    lagging = rng.random(len(person)) < config.retired_use
    return ids.start[person] + np.maximum(rank - lagging, 0)


def _draw_messages(config: GeneratorConfig, block: _Block) -> Rows:
    """Draw emails and contacts with support. Both know the customer, so they carry the surviving id."""
    rng = _rng(config, _MESSAGES, block.number)
    people = block.people
    months = _active_months(config, people)
    everyone = np.arange(len(months))
    opener = np.repeat(everyone, rng.poisson(months * _of("emails_per_month")[people.kind]))
    caller = np.repeat(everyone, rng.poisson(months * _of("support_per_month")[people.kind]))
    opened = _draw_times(rng, block, opener)
    clicks = rng.random(len(opener)) < _EMAIL_CLICK_SHARE
    clicked = np.minimum(opened + rng.integers(3, 180, len(opener)), block.window.end - 1)[clicks]

    person = np.concatenate([opener, opener[clicks], caller])
    rows = _empty_rows(len(person))
    rows["at"] = np.concatenate([opened, clicked, _draw_times(rng, block, caller)])
    rows["raw"] = block.ids.survivor[person]
    types = [_TYPE["email_open"], _TYPE["email_click"], _TYPE["support_contact"]]
    rows["type"] = np.repeat(types, [len(opener), len(clicked), len(caller)])
    written = rows["type"] != _TYPE["support_contact"]
    rows["channel"][written] = _CHANNELS.index("email")
    rows["device"][written] = people.device[person][written]
    return rows


def _draw_refunds(config: GeneratorConfig, block: _Block, orders: _Orders) -> Rows:
    """Draw refunds: at most one per order, never more than it cost, booked on the surviving id."""
    rng = _rng(config, _REFUNDS, block.number)
    chance = _of("refund_rate")[block.people.kind[orders.person]]
    at = orders.at + (rng.gamma(2.0, 6.0, len(chance)) * _DAY).astype(np.int64) + 3_600
    part = np.where(rng.random(len(chance)) < _FULL_REFUND_SHARE, 1.0, rng.uniform(0.2, 0.9, len(chance)))
    nameless = rng.random(len(chance)) < _REFUND_WITHOUT_ORDER_SHARE
    (refunded,) = np.nonzero((rng.random(len(chance)) < chance) & (at < block.window.end))
    rows = _empty_rows(len(refunded))
    rows["at"] = at[refunded]
    rows["raw"] = block.ids.survivor[orders.person[refunded]]
    rows["type"][:] = _TYPE["refund"]
    rows["order"] = np.where(nameless[refunded], -1, orders.number[refunded])
    rows["amount"] = np.maximum(np.rint(orders.amount[refunded] * part[refunded]).astype(np.int64), 1)
    return rows


def _sorted_by_time(groups: list[Rows]) -> Rows:
    """Put the rows of a block in the order of time, as exports are; ties keep the order of the visit."""
    at = np.concatenate([rows["at"] for rows in groups])
    order = np.argsort(at, kind="stable")
    return {name: np.concatenate([rows[name] for rows in groups])[order] for name in groups[0]}


# -------- text and money


def _event_table(config: GeneratorConfig, rows: Rows, ids: _Ids, counters: _Counters) -> pa.Table:
    size = len(rows["at"])
    sessions = _numbered("s", counters.sessions, int(rows["session"].max(initial=-1)) + 1)
    orders = _numbered("o", counters.orders, int(rows["order"].max(initial=-1)) + 1)
    products = _numbered("p", 0, len(_SHELVES) * _PRODUCTS_PER_SHELF)
    columns = {
        "event_id": _numbered("e", counters.events, size),
        "customer_id": _coded(rows["raw"], ids.names),
        "event_at": _times(rows["at"]),
        "event_type": _coded(rows["type"], pa.array(EVENT_TYPES)),
        "session_id": _coded(rows["session"], sessions),
        "order_id": _coded(rows["order"], orders),
        "channel": _coded(rows["channel"], pa.array(_CHANNELS)),
        "device_type": _coded(rows["device"], pa.array(_DEVICES)),
        "category": _coded(rows["category"], pa.array(_CATEGORIES)),
        "product_id": _coded(rows["product"], products),
        "quantity": pa.array(rows["quantity"], pa.int64(), mask=rows["quantity"] < 0).cast(pa.int32()),
        "amount": _money(rows["amount"]),
        "discount_amount": _money(rows["discount"]),
        "currency": _coded(np.where(rows["amount"] < 0, -1, 0), pa.array([config.currency])),
    }
    return pa.table([columns[name] for name in EVENT_COLUMNS], list(EVENT_COLUMNS))


def _numbered(prefix: str, start: int, size: int) -> pa.Array:
    digits = pa.array(np.arange(start + 1, start + size + 1)).cast(pa.string())
    return pc.binary_join_element_wise(prefix, digits, "")


def _coded(codes: Ints, values: pa.Array) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=codes < 0), values)


def _times(seconds: Ints, missing: Flags | None = None) -> pa.Array:
    return pa.array(seconds * 1_000_000, pa.int64(), mask=missing).cast(pa.timestamp("us"))


def _money(cents: Ints) -> pa.Array:
    """Cents as DECIMAL(18,2), NULL where negative: two machine words per number, written as they are."""
    words = np.stack([cents, cents >> 63], axis=1)
    valid = pa.array(cents >= 0).buffers()[1]
    return pa.Array.from_buffers(pa.decimal128(18, 2), len(cents), [valid, pa.py_buffer(words)])


# -------- defects


def _plant_event_defects(
    config: GeneratorConfig, block: int, events: pa.Table, types: Ints, counters: _Counters
) -> tuple[pa.Table, dict[str, int]]:
    """Append copies of clean rows with one defect each; count them."""
    planted = dict.fromkeys(EventDefects.model_fields, 0)
    if config.dirt == 0:
        return events, planted
    rng = _rng(config, _EVENT_DIRT, block)
    events = _replaced(events, "amount", events["amount"].cast(pa.string()))
    (anything,) = np.nonzero(types >= 0)
    (views,) = np.nonzero(types == _TYPE["page_view"])
    (purchases,) = np.nonzero(types == _TYPE["purchase"])
    sources = {"unknown_type": views} | dict.fromkeys(
        ("unparsable_amount", "negative_purchase", "unknown_currency"), purchases
    )
    parts = [events]
    untouched = rng.permutation(anything)  # a row is doubled once at most, or its reason would be ambiguous
    for kind in EventDefects.model_fields:
        source = sources.get(kind, anything)
        count = _rounded(rng, config.dirt * getattr(config.event_defects, kind) * len(anything))
        if kind in ("duplicate", "conflicting_duplicate"):
            count = min(count, len(untouched))
            chosen, untouched = untouched[:count], untouched[count:]
        else:
            count = count if len(source) else 0
            chosen = source[rng.integers(max(len(source), 1), size=count)]
        copies = events.take(chosen)
        if "duplicate" not in kind:
            copies = _replaced(copies, "event_id", _numbered("x", counters.extras, count))
            counters.extras += count
        parts.append(_spoiled(copies, kind))
        planted[kind] = count
    return pa.concat_tables(parts), planted


def _spoiled(rows: pa.Table, kind: str) -> pa.Table:
    """Give each row the defect `kind`."""
    size = rows.num_rows
    if kind == "missing_customer":
        return _replaced(rows, "customer_id", _cycled([None, ""], size))
    if kind == "missing_time":
        return _replaced(rows, "event_at", pa.nulls(size))
    if kind == "future_time":
        return _replaced(rows, "event_at", _later(rows["event_at"], 75 * 365 * _DAY))
    if kind == "unknown_type":
        return _replaced(rows, "event_type", _cycled(["wishlist_add", "Page View!", "banner_seen"], size))
    if kind == "unparsable_amount":
        return _replaced(rows, "amount", _cycled(["free", "12.3.4", "EUR", "--"], size))
    if kind == "negative_purchase":
        return _replaced(rows, "amount", pc.binary_join_element_wise("-", rows["amount"], ""))
    if kind == "unknown_currency":
        return _replaced(rows, "currency", _cycled(["XXX"], size))
    if kind == "conflicting_duplicate":
        # Later than the original, so that keeping the earliest of a pair restores the clean set.
        later = _replaced(rows, "event_at", _later(rows["event_at"], 1))
        return _replaced(later, "device_type", _cycled(["television"], size))
    return rows


def _later(times: pa.Array, seconds: int) -> pa.Array:
    return pc.add(times, pa.scalar(seconds * 1_000_000, pa.duration("us")))


def _cycled(values: list[str | None], size: int) -> pa.Array:
    return pa.array([values[place % len(values)] for place in range(size)], pa.string())


def _replaced(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    """Replace a column; only `amount` may change its type, all others keep the one of the table."""
    wanted = table.schema.field(name).type
    if pa.types.is_dictionary(wanted):
        column = column.dictionary_encode()
    elif name != "amount":
        column = column.cast(wanted)
    return table.set_column(table.schema.get_field_index(name), name, column)


# -------- merge history


def _id_history(config: GeneratorConfig, block: _Block) -> tuple[pa.Table, dict[str, int]]:
    """Draw the merges of a block; also count the defective ones."""
    rng = _rng(config, _MERGES, block.number)
    people, ids = block.people, block.ids
    (old,) = np.nonzero(np.arange(len(ids.person)) != ids.survivor[ids.person])
    person = ids.person[old]
    chained = rng.random(len(old)) < config.chained
    new = np.where(chained, old + 1, ids.survivor[person])
    # An id begins where the one before it ends; the merge is made when the id that takes over begins.
    begin = (
        people.first[person]
        + (people.last - people.first)[person] * (new - ids.start[person]) // ids.count[person]
    )
    late = rng.random(len(old)) < config.late_merges
    at = np.where(late, block.window.end + rng.integers(_LATEST_MERGE_DAYS * _DAY, size=len(old)), begin)
    source = np.where(new == ids.survivor[person], "login", "cookie")
    order = np.lexsort([old, at])
    old, new, at, source = old[order], new[order], at[order], source[order]
    genuine = _merge_table(ids, old, new, at, source)
    parts, planted = [genuine], dict.fromkeys(MergeDefects.model_fields, 0)
    if config.dirt > 0:
        rng = _rng(config, _MERGE_DIRT, block.number)
        for kind in planted:
            count = _rounded(rng, config.dirt * getattr(config.merge_defects, kind) * len(old))
            parts.append(_defective_merges(rng, block, genuine, old, at, kind, count))
            planted[kind] = parts[-1].num_rows
    return pa.concat_tables(parts), planted


def _merge_table(ids: _Ids, old: Ints, new: Ints, at: Ints, source: NDArray[np.str_]) -> pa.Table:
    columns = [ids.names.take(old), ids.names.take(new), _times(at), pa.array(source, pa.string())]
    return pa.table(columns, list(ID_HISTORY_COLUMNS))


def _defective_merges(
    rng: np.random.Generator, block: _Block, genuine: pa.Table, old: Ints, at: Ints, kind: str, count: int
) -> pa.Table:
    """Make up to `count` merges with the defect `kind`, all earlier than the genuine ones of the same ids."""
    people, ids = block.people, block.ids
    persons = len(people.kind)
    if kind == "duplicate":
        return genuine.take(rng.permutation(len(old))[:count])
    if kind == "conflict":
        edge = rng.permutation(len(old))[: count if persons > 1 else 0]
        left, moment = old[edge], at[edge]
        right = ids.survivor[(ids.person[left] + rng.integers(1, max(persons, 2), size=len(edge))) % persons]
    elif kind == "cycle":
        person = rng.permutation(np.flatnonzero(ids.count > 1))[:count]
        left, right, moment = ids.survivor[person], ids.start[person], people.first[person]
    else:
        person = rng.integers(persons, size=count)
        left, moment = ids.survivor[person], people.first[person]
        # Two strangers, so that a pipeline that does not reject the row glues them together.
        right = left if kind == "self_merge" else ids.survivor[(person + 1) % persons]
    earlier = moment - rng.integers(_DAY, 20 * _DAY, size=len(left))
    rows = _merge_table(ids, left, right, earlier, np.full(len(left), "import"))
    size = rows.num_rows
    if kind == "empty_old_id":
        return _replaced(rows, "old_id", _cycled([None, ""], size))
    if kind == "empty_new_id":
        return _replaced(rows, "new_id", _cycled([None, ""], size))
    if kind == "placeholder_id":
        side = "old_id" if rng.random() < 0.5 else "new_id"
        return _replaced(rows, side, _cycled(["unknown"], size))
    if kind == "missing_merged_at":
        return _replaced(rows, "merged_at", pa.nulls(size))
    return rows


# -------- output


def _write(config: GeneratorConfig, paths: Mapping[str, Path], chunk_customers: int) -> Summary:
    """Stream the tables that have a path into their files."""
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    rows = dict.fromkeys(("events", "id_history", "truth"), 0)
    planted = _add_up([])
    sinks: dict[str, _Sink] = {}
    try:
        for chunk in _batched(_parts(config), -(-chunk_customers // BLOCK_CUSTOMERS)):
            planted = _add_up([planted, *(part.planted for part in chunk)])
            for name in rows:
                table = pa.concat_tables([getattr(part, name) for part in chunk])
                rows[name] += table.num_rows
                if name in paths and name not in sinks:
                    sinks[name] = _Sink(paths[name], table.schema)
                if name in sinks:
                    sinks[name].write(table)
    finally:
        for sink in sinks.values():
            sink.close()
    return Summary(config.n_customers, rows["events"], rows["id_history"], rows["truth"], planted)


def _plain(table: pa.Table) -> pa.Table:
    """Replace dictionary columns by their text."""
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(field.type.value_type))
    return table


def _frame(tables: list[pa.Table]) -> pd.DataFrame:
    table = _plain(pa.concat_tables(tables))
    for place, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):  # pandas has no decimals of its own
            table = table.set_column(place, field.name, table.column(place).cast(pa.float64()))
    frame: pd.DataFrame = table.to_pandas()
    numbers = frame.select_dtypes("float64").columns
    frame[numbers] = frame[numbers].round(2)  # the cast may miss the nearest double by its last bit
    return frame


class _Sink:
    """One growing file, CSV or Parquet by its suffix."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._is_csv = path.suffix == ".csv"
        self._file = path.open("wb")
        self._writer: Any
        if self._is_csv:
            # No generated text needs quotes; without them NULL and empty look the same, as in most exports.
            options = pacsv.WriteOptions(include_header=False, quoting_style="none", batch_size=65_536)
            columns = _for_csv(schema.empty_table()).schema
            self._file.write((",".join(columns.names) + "\n").encode())
            self._writer = pacsv.CSVWriter(self._file, columns, write_options=options)
        else:
            # Without the Arrow schema readers see plain text columns instead of dictionaries.
            self._writer = pq.ParquetWriter(
                self._file, schema, store_schema=False, store_decimal_as_integer=True
            )

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(_for_csv(table) if self._is_csv else table)

    def close(self) -> None:
        self._writer.close()
        self._file.close()


def _for_csv(table: pa.Table) -> pa.Table:
    """Plain text, and times without a fraction of a second."""
    table = _plain(table)
    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.timestamp("s")))
    return table
