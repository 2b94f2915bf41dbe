"""The mappings of `examples/sources` on small exports in the shape that the vendors document, through the real models.

Each fixture is a handful of people whose story can be told; what is expected is worked out from the story by hand.
Mappings in BigQuery's dialect are translated to DuckDB's by sqlglot: their own text is what is tested.
`python tests/python/test_sources.py` puts the texts of the mappings into the pages anew.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import md5
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
import sqlglot
from compiled import REPO, run
from sqlglot import exp

MAPPINGS = REPO / "examples" / "sources"
FIXTURES = REPO / "tests" / "fixtures" / "sources"
PAGES = REPO / "docs" / "sources"
TYPED = "int_segmentry__events_typed"
DUPLICATES = "int_segmentry__duplicate_events_ranked"
EDGES = "int_segmentry__merge_edges_ranked"
MERGES = "int_segmentry__id_merges_typed"
AFFINITY = "int_segmentry__affinity_counted"
PATHS = "int_segmentry__category_paths_split"
ORDERS = "int_segmentry__orders_built"
MERGE_MAP = "int_segmentry__merge_map_resolved"
# What is known of a customer, without the estimates: those need many customers.
PROFILES = [
    "int_segmentry__lifecycle_aggregated",
    "int_segmentry__revenue_aggregated",
    "int_segmentry__engagement_aggregated",
    "int_segmentry__temporal_aggregated",
]
DEFAULT_RATES = pd.read_csv(REPO / "seeds" / "segmentry_exchange_rates.csv")


@dataclass(frozen=True)
class Source:
    """A mapping, the dialect it is written in, and the export it is tried on."""

    fixture: str
    folder: str
    events: str = "events.sql"
    dialect: str | None = "bigquery"

    def sql(self, name: str) -> str:
        """Return a mapping as DuckDB runs it."""
        text = (MAPPINGS / self.folder / name).read_text()
        if self.dialect is None:
            return text
        (query,) = sqlglot.parse(text, read=self.dialect)
        assert query is not None
        for table in query.find_all(exp.Table):
            table.set("catalog", None)
        for union in query.find_all(exp.Union):
            # DuckDB's union by name is the full outer one, without these words.
            union.set("side", None)
            union.set("kind", None)
        return query.sql("duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)


GA4 = Source("ga4", "ga4")
SEGMENT = Source("segment", "segment")
SHOPIFY = Source("shopify", "shopify", dialect=None)
SNOWPLOW = Source("snowplow", "snowplow", dialect=None)
SNOWPLOW_ECOMMERCE = Source("snowplow_ecommerce", "snowplow", events="events_ecommerce.sql")
BLOOMREACH = Source("bloomreach", "bloomreach")
SOURCES = [GA4, SEGMENT, SHOPIFY, SNOWPLOW, SNOWPLOW_ECOMMERCE, BLOOMREACH]


@dataclass(frozen=True)
class Result:
    """What a mapping makes of a source, and what the models make of that."""

    events: pd.DataFrame
    tables: dict[str, pd.DataFrame]

    def expect(self, customer_id: str, **expected: Any) -> None:
        """Check what is known of a customer; None for what isn't."""
        found = self.customer(customer_id)
        assert {name: found.get(name) for name in expected} == expected

    def customer(self, customer_id: str) -> dict[str, Any]:
        """Return what is known of a customer, and the ids that were merged into it."""
        profile: dict[str, Any] = {}
        for name in PROFILES:
            table = self.tables[name]
            for row in table[table.customer_id == customer_id].to_dict("records"):
                profile |= {str(column): value for column, value in row.items()}
        merge_map = self.tables[MERGE_MAP]
        merged = merge_map[(merge_map.customer_id == customer_id) & (merge_map.id != customer_id)]
        return profile | {"merged_ids": set(merged.id)}

    def customers(self) -> set[str]:
        """Return who is there."""
        return set(self.tables[PROFILES[0]].customer_id)

    def event_types(self) -> dict[str, int]:
        """Return how many events of each type arrived, rejected ones with them."""
        return dict(Counter(self.tables[TYPED].event_type))

    def products(self) -> set[tuple[str, str, float | None]]:
        """Return which products were seen, put into a cart or bought, and how many at once."""
        rows = self.events.dropna(subset="product_id")
        quantities = [None if pd.isna(quantity) else float(quantity) for quantity in rows.quantity]
        return set(zip(rows.event_type, rows.product_id, quantities, strict=True))

    def refund_of(self, order_id: str) -> Decimal:
        """Return what was paid back of an order."""
        orders = self.tables[ORDERS]
        (amount,) = orders[orders.order_key == order_id].refund_amount
        return Decimal(amount)

    def conflicts(self) -> list[tuple[str, str]]:
        """Return the merges that lost against another one of the same id."""
        lost = self.tables[EDGES].query("conflict_rank > 1")
        return sorted(zip(lost.old_id, lost.new_id, strict=True))

    def rejects(self) -> Counter[tuple[str, str]]:
        """Return how many events were rejected, by type and reason."""
        typed = self.tables[TYPED].dropna(subset="reject_reason")
        twice = self.tables[DUPLICATES].dropna(subset="duplicate_reason")
        return Counter(zip(typed.event_type, typed.reject_reason, strict=True)) + Counter(
            zip(twice.event_type, twice.duplicate_reason, strict=True)
        )

    def category_counts(self, customer_id: str) -> dict[str, tuple[int, int, int]]:
        """Return views, additions to a cart and purchases by category of any level."""
        counts = self.tables[AFFINITY].merge(
            self.tables[PATHS][["path_number", "category_path"]].drop_duplicates()
        )
        counts = counts[counts.customer_id == customer_id]
        return {
            row.category_path: (row.view_count, row.cart_count, row.purchase_count)
            for row in counts.itertuples()
        }


def mapped(source: Source, monkeypatch: pytest.MonkeyPatch) -> tuple[pa.Table, pa.Table]:
    """Return the events and the history of ids that a mapping makes of its fixture."""
    monkeypatch.chdir(FIXTURES / source.fixture)
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        if Path("tables.ddl").exists():
            connection.execute(Path("tables.ddl").read_text())
        events = connection.sql(source.sql(source.events)).to_arrow_table()
        merges = connection.sql(source.sql("id_history.sql")).to_arrow_table()
    return events, merges


def built(source: Source, monkeypatch: pytest.MonkeyPatch) -> Result:
    """Return what the models make of the fixture of a source."""
    events, merges = mapped(source, monkeypatch)
    monkeypatch.chdir(REPO)
    inputs = {
        "segmentry_demo_events": events,
        "segmentry_demo_id_history": merges,
        "segmentry_exchange_rates": DEFAULT_RATES,
    }
    models = [TYPED, DUPLICATES, EDGES, MERGE_MAP, PATHS, AFFINITY, ORDERS, *PROFILES]
    return Result(events.to_pandas(), run(models, inputs))


def test_ga4(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anna looks at a shirt, signs in and buys on her desktop, and comes back on her phone; Ben never signs in.

    Anna also used Carl's device once; what was done there signed out is Carl's, who signed in last.
    """
    result = built(GA4, monkeypatch)
    assert result.customers() == {"u-anna", "u-carl", "1003.1769000000"}
    result.expect(
        "u-anna",
        merged_ids={"1001.1767600000", "1002.1768900000"},
        order_count=1,
        gross_revenue=Decimal("50.00"),
        refund_amount=Decimal("20.00"),
        # The sign-in does not cut the first session in two; the refund has none.
        session_count=3,
        page_views=5,
        items_viewed=1,
        cart_additions=1,
        abandoned_cart_count=0,
        first_order_at=pd.Timestamp("2026-01-05 10:10:00"),
    )
    assert result.refund_of("T-1") == Decimal("20.00")
    assert result.products() == {
        ("item_view", "SKU-A", None),
        ("add_to_cart", "SKU-A", 2),
        ("purchase_item", "SKU-A", 2),
        ("purchase_item", "SKU-B", 1),
    }
    # View, cart and purchase of the shirt; purchase of the lamp. "(not set)" is no category.
    assert result.category_counts("u-anna") == {
        "Clothing": (1, 1, 1),
        "Clothing > Shirts": (1, 1, 1),
        "Home": (0, 0, 1),
    }
    result.expect("u-carl", merged_ids={"1004.1769100000"}, session_count=3, page_views=3)
    assert result.conflicts() == [("1004.1769100000", "u-anna")]
    result.expect(
        "1003.1769000000",
        # Two purchases of 10 dollars at 0.90, whose transaction is "(not set)".
        order_count=2,
        gross_revenue=Decimal("18.00"),
        # The second session came within half an hour of the first. The intraday copy of a page does not count.
        session_count=2,
        page_views=2,
        top_device="tablet",
        top_channel="Direct",
    )
    assert result.event_types() == {
        "session_start": 2,
        "page_view": 10,
        "item_view": 1,
        "add_to_cart": 1,
        "checkout": 1,
        "purchase": 4,
        "purchase_item": 4,
        "refund": 1,
    }
    # Thank-you page loaded twice, and somebody who did not consent.
    assert result.rejects() == {
        ("purchase", "conflicting_duplicate"): 1,
        ("purchase_item", "conflicting_duplicate"): 2,
        ("page_view", "missing_customer_id"): 1,
    }


def test_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cara plays under two cookies and an old lead id; Dan buys through a server; both used one tablet, Dan last."""
    result = built(SEGMENT, monkeypatch)
    assert result.customers() == {"cara", "dan"}
    result.expect(
        "cara",
        merged_ids={"a-1", "a-2", "lead-7"},
        # A second order was cancelled, so its refund is none either.
        order_count=1,
        gross_revenue=Decimal("27.50"),
        discount_amount=Decimal("2.50"),
        refund_amount=Decimal("0.00"),
        session_count=3,
        page_views=5,
        items_viewed=1,
        cart_additions=1,
        # One of three visits was on a phone.
        mobile_share=pytest.approx(1 / 3),
        top_channel="email",
    )
    assert result.category_counts("cara") == {"Games": (2, 1, 1), "Toys": (0, 0, 1)}
    result.expect(
        "dan",
        merged_ids={"a-9"},
        order_count=1,
        # There was no total: the revenue is taken. There was no amount of the refund: all of it was paid back.
        gross_revenue=Decimal("12.00"),
        refund_amount=Decimal("12.00"),
        page_views=1,
        visit_count=1,
    )
    assert result.refund_of("O-3") == Decimal("12.00")
    assert result.products() == {
        ("item_view", "P-1", None),
        ("add_to_cart", "P-1", 1),
        ("purchase_item", "P-1", 1),
        ("purchase_item", "P-2", 2),
    }
    assert result.conflicts() == [("a-9", "cara")]
    assert result.event_types() == {
        "page_view": 4,
        "category_view": 1,
        "item_view": 1,
        "add_to_cart": 1,
        "checkout": 1,
        "purchase": 3,
        "purchase_item": 4,
        "refund": 1,
    }
    assert result.rejects() == {
        ("purchase", "conflicting_duplicate"): 1,
        ("purchase_item", "conflicting_duplicate"): 2,
    }


def test_shopify(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eva bought as a guest before she had an account; Finn pays in dollars; Gail stays a guest; a till knows nobody."""
    result = built(SHOPIFY, monkeypatch)
    gail = md5(b"gail@example.com").hexdigest()
    assert result.customers() == {"71", "72", gail}
    result.expect(
        "71",
        merged_ids={md5(b"eva@example.com").hexdigest()},
        order_count=2,
        gross_revenue=Decimal("165.50"),
        discount_amount=Decimal("10.00"),
        # A second transaction of the refund failed.
        refund_amount=Decimal("30.00"),
        # 22:00 five hours west of UTC.
        last_order_at=pd.Timestamp("2026-03-02 03:00:00"),
    )
    assert result.refund_of("5001") == Decimal("30.00")
    assert result.products() == {
        ("purchase_item", "801", 1),
        ("purchase_item", "801", 2),
        ("purchase_item", "802", 1),
        ("purchase_item", "803", 1),
    }
    result.expect(
        "72",
        # Three more were cancelled, voided and a test.
        order_count=1,
        gross_revenue=Decimal("100.00"),
        # 22 dollars at 0.90.
        refund_amount=Decimal("19.80"),
        visit_count=0,
    )
    result.expect(gail, order_count=1, gross_revenue=Decimal("5.00"))
    assert result.event_types() == {"purchase": 6, "purchase_item": 7, "refund": 2}
    assert result.rejects() == {
        ("purchase", "duplicate"): 1,
        ("purchase_item", "duplicate"): 1,
        ("purchase", "missing_customer_id"): 1,
        ("purchase_item", "missing_customer_id"): 1,
    }


def test_snowplow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gus is known by a browser until he pays; he and Ida share another one; somebody else looks in on a phone."""
    result = built(SNOWPLOW, monkeypatch)
    assert result.customers() == {"gus", "ida", "d-2"}
    result.expect(
        "gus",
        merged_ids={"d-1"},
        # The lines are not added to the order.
        order_count=1,
        gross_revenue=Decimal("60.00"),
        session_count=3,
        page_views=4,
        cart_additions=1,
        first_seen_at=pd.Timestamp("2026-04-01 08:00:00"),
        top_channel="cpc",
    )
    assert result.category_counts("gus") == {"Garden": (0, 0, 1), "Kitchen": (0, 0, 1)}
    # Of her order only a line arrived: 2 at 7.50.
    result.expect("ida", merged_ids={"d-3"}, order_count=1, gross_revenue=Decimal("15.00"), page_views=1)
    result.expect("d-2", merged_ids=set(), mobile_share=1)
    assert result.conflicts() == [("d-3", "gus")]
    assert result.products() == {("purchase_item", "H-1", 2), ("purchase_item", "H-2", 1)}
    assert result.event_types() == {"page_view": 7, "add_to_cart": 1, "purchase": 2, "purchase_item": 3}
    # One event arrived twice, and the thank-you page was loaded twice.
    assert result.rejects() == {("page_view", "duplicate"): 1, ("purchase", "conflicting_duplicate"): 1}


@pytest.mark.parametrize("dialect", ["bigquery", "snowflake", "redshift", "postgres"])
def test_snowplow_is_plain_sql(monkeypatch: pytest.MonkeyPatch, dialect: str) -> None:
    as_written = mapped(SNOWPLOW, monkeypatch)
    as_dialect = mapped(replace(SNOWPLOW, dialect=dialect), monkeypatch)
    for plain, translated in zip(as_written, as_dialect, strict=True):
        assert Counter(map(str, plain.to_pylist())) == Counter(map(str, translated.to_pylist()))


def test_snowplow_ecommerce(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same purchase by the e-commerce plug-in, with a product page before it and a refund after it."""
    result = built(SNOWPLOW_ECOMMERCE, monkeypatch)
    assert result.customers() == {"gus", "d-2"}
    result.expect(
        "gus",
        merged_ids={"d-1"},
        order_count=1,
        gross_revenue=Decimal("60.00"),
        discount_amount=Decimal("4.00"),
        refund_amount=Decimal("15.50"),
        session_count=1,
        page_views=2,
        items_viewed=1,
        cart_additions=1,
        mobile_share=0,
        top_channel="cpc",
    )
    assert result.refund_of("W-1") == Decimal("15.50")
    assert result.products() == {
        ("item_view", "H-1", 2),
        ("add_to_cart", "H-1", 2),
        ("purchase_item", "H-1", 2),
        ("purchase_item", "K-1", 1),
    }
    assert result.category_counts("gus") == {
        "Garden": (1, 1, 1),
        "Garden > Hoses": (1, 1, 1),
        "Kitchen": (0, 0, 1),
    }
    assert result.event_types() == {
        "page_view": 2,
        "item_view": 1,
        "add_to_cart": 1,
        "checkout": 1,
        "purchase": 2,
        "purchase_item": 4,
        "refund": 1,
    }
    assert result.rejects() == {
        ("purchase", "conflicting_duplicate"): 1,
        ("purchase_item", "conflicting_duplicate"): 2,
    }


def test_bloomreach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hana browses under an id that was merged later; her purchase is imported once more; Ivo's payment fails."""
    result = built(BLOOMREACH, monkeypatch)
    assert result.customers() == {"c-1", "c-5"}
    result.expect(
        "c-1",
        merged_ids={"c-0"},
        order_count=1,
        gross_revenue=Decimal("80.00"),
        discount_amount=Decimal("5.00"),
        refund_amount=Decimal("30.00"),
        # Mails are no visits. What is taken out of the cart is not put in.
        session_count=2,
        page_views=3,
        items_viewed=1,
        cart_additions=2,
        mobile_share=0.5,
        top_channel="email",
    )
    assert result.refund_of("PU-1") == Decimal("30.00")
    assert result.products() == {
        ("item_view", "K-1", None),
        ("add_to_cart", "K-1", 1),
        ("purchase_item", "K-1", 1),
        ("purchase_item", "K-2", 4),
    }
    assert result.category_counts("c-1") == {
        "Kitchen": (1, 2, 2),
        "Kitchen > Pans": (1, 2, 1),
        "Kitchen > Cups": (0, 0, 1),
    }
    result.expect("c-5", merged_ids=set(), order_count=None, page_views=2)
    assert result.event_types() == {
        "session_start": 2,
        "page_view": 3,
        "category_view": 1,
        "item_view": 1,
        "add_to_cart": 2,
        "checkout": 1,
        "purchase": 2,
        "purchase_item": 2,
        "refund": 1,
        "email_open": 1,
        "email_click": 1,
    }
    assert result.rejects() == {("purchase", "conflicting_duplicate"): 1}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.fixture)
def test_mapping_gives_known_columns_and_clean_merges(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = (REPO / "docs" / "your-data.md").read_text()
    events, merges = mapped(source, monkeypatch)
    # A name that is not in the guide would be ignored without a word.
    assert not [name for name in events.column_names if f"`{name}`" not in guide]
    assert set(merges.column_names) >= {"old_id", "new_id", "merged_at"}
    monkeypatch.chdir(REPO)
    judged = run([MERGES], {"segmentry_demo_id_history": merges})[MERGES]
    assert len(judged) > 0
    assert judged.reject_reason.isna().all()


def test_every_mapping_is_tested_and_shown() -> None:
    files = sorted(MAPPINGS.glob("*/*.sql"))
    tested = {
        MAPPINGS / source.folder / name for source in SOURCES for name in (source.events, "id_history.sql")
    }
    assert set(files) == tested
    index = (REPO / "docs" / "sources.md").read_text()
    for folder in {file.parent.name for file in files}:
        page = (PAGES / f"{folder}.md").read_text()
        assert f"(sources/{folder}.md)" in index
        shown = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
        assert shown == [file.read_text() for file in sorted(MAPPINGS.glob(f"{folder}/*.sql"))]


def test_links_of_the_pages_lead_somewhere() -> None:
    links = [
        page.parent / link
        for page in [REPO / "docs" / "sources.md", *PAGES.glob("*.md")]
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    ]
    assert len(links) >= 10
    assert not [link for link in links if not link.exists()]


def show_mappings(page: Path) -> None:
    """Put the mappings into a page anew."""
    texts = iter(sorted(MAPPINGS.glob(f"{page.stem}/*.sql")))
    shown = re.sub(
        r"```sql\n.*?```",
        lambda _: f"```sql\n{next(texts).read_text()}```",
        page.read_text(),
        flags=re.DOTALL,
    )
    page.write_text(shown)


if __name__ == "__main__":
    for page in PAGES.glob("*.md"):
        show_mappings(page)
