"""The report against the marts: the same numbers, honest words, inert text, the same bytes."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from report_fixture import (
    HOSTILE_CATEGORY,
    HOSTILE_NAMES,
    PREVIOUS_RUN_ID,
    RUN_ID,
    contract,
    make_warehouse,
)

from segmentry.cli import main
from segmentry.exceptions import ReportGenerationError
from segmentry.report import (
    SegmentationReport,
    data,
    generate_segmentation_report,
    load_report,
    palette,
    plot_segment_distribution,
    render_report,
    report_schema,
    report_to_json,
    save_chart,
    segment_to_summary,
    wording,
)
from segmentry.report.charts import CHARTS
from segmentry.report.schema import SCHEMA_VERSION, FeatureComparison, RobustnessTest, RunSummary, Viability

ROOT = Path(__file__).resolve().parents[2]
SCHEMA_FILE = ROOT / "docs" / "report.schema.json"

SCENARIOS: dict[str, dict[str, Any]] = {
    "one": {"segments": 1},
    "two": {"segments": 2},
    "five": {"segments": 5},
    "moved": {"segments": 5, "previous_run": True},
    "eight": {"segments": 8, "previous_run": True, "currency": "GBP"},
    "twelve": {"segments": 12, "kind": None},
    "constructive": {"segments": 5, "kind": "constructive", "ready": False},
    "insufficient": {"status": "insufficient_data", "customers": 31},
    "single": {"status": "single_segment"},
    "untested": {"segments": 3, "robustness": False, "explanations": "pending"},
    "fallback": {"segments": 2, "explanations": "fallback"},
    "poor": {"segments": 3, "buyers": False},
    "hostile": {
        "segments": 8, "names": HOSTILE_NAMES, "category": HOSTILE_CATEGORY, "previous_run": True,
        "currency": "XQZ",
    },
}  # fmt: skip
VOID = {"meta", "link", "br", "input", "img", "hr"}
TAGS = """html head meta link title style body header main footer section article h1 h2 h3 p b strong em i
small span br div dl dt dd table caption thead tbody tr th td data bdi details summary figure svg path g rect
text circle code"""
ALLOWED_TAGS = set(TAGS.split())


class Page(HTMLParser):
    """The page as a browser would see it: elements with attributes, their text, and what does not close."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self.faults: list[str] = []
        self._open: list[tuple[str, list[str]]] = []
        self.feed(source)
        self.close()
        self.faults += [f"<{tag}> is never closed" for tag, _ in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        text: list[str] = []
        names = [name for name, _ in attrs]
        self.faults += [f"<{tag}> has two attributes {name}" for name, n in Counter(names).items() if n > 1]
        self.elements.append((tag, {name: value or "" for name, value in attrs}, text))
        if tag not in VOID:
            self._open.append((tag, text))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}, []))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            self.faults.append(f"</{tag}> closes {self._open[-1][0] if self._open else 'nothing'}")
        if self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for _, text in self._open:
            text.append(data)

    def texts(self, tag: str, marker: str = "") -> list[str]:
        """Text of each element, optionally of those with a class."""
        return [
            " ".join("".join(text).split())
            for found, attributes, text in self.elements
            if found == tag and (not marker or marker in attributes.get("class", "").split())
        ]

    @property
    def text(self) -> str:
        return " ".join(self.texts("body"))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Warehouse of a scenario, made once."""
    folder = tmp_path_factory.mktemp("warehouses")

    def made(scenario: str) -> Path:
        path = folder / f"{scenario}.duckdb"
        return path if path.exists() else make_warehouse(path, **SCENARIOS[scenario])

    return made


@pytest.fixture
def report(warehouse: Callable[[str], Path], request: pytest.FixtureRequest) -> SegmentationReport:
    return load_report(warehouse(getattr(request, "param", "five")))


@pytest.fixture
def marts(warehouse: Callable[[str], Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(warehouse("moved")), read_only=True) as connection:
        yield connection


# ---- the numbers are those of the marts ----------------------------------------------------------


def assert_equal_to_marts(report: dict[str, Any], connection: duckdb.DuckDBPyConnection) -> None:
    """Numbers of report.json beside sums that are computed here, by other SQL than the report's."""

    def one(sql: str) -> Any:
        row = connection.execute(sql).fetchone()
        return row[0] if row and len(row) == 1 else row

    newest = one("select max_by(run_id, recorded_at) from segmentry.segmentation_runs")
    assert report["run"]["run_id"] == newest
    totals = report["totals"]
    assert totals["customer_count"] == one("select count(distinct customer_id) from segmentry.customers")
    assert totals["segmented_count"] == one("select count(*) from segmentry.customers where segment_id <> ''")
    assert totals["buyer_count"] == one("select count(*) from segmentry.customers where order_count >= 1")
    for column, name in (("clv", "total_clv"), ("net_revenue", "net_revenue")):
        assert Decimal(str(totals[name])) == one(f"select sum({column}) from segmentry.customers")

    listed = [segment["segment_id"] for segment in report["segments"]]
    ranked = connection.execute(
        "select segment_id from segmentry.customers where segment_id is not null "
        "group by segment_id order by sum(clv) desc, segment_id"
    ).fetchall()
    assert listed == [row[0] for row in ranked]
    for segment in report["segments"]:
        key = segment["segment_id"]
        size, value = one(f"select count(*), sum(clv) from segmentry.customers where segment_id = '{key}'")
        assert segment["customer_count"] == size
        assert Decimal(str(segment["total_clv"])) == value
        assert segment["customer_share"] == pytest.approx(size / totals["segmented_count"], abs=1e-6)
        if totals["total_clv"]:
            assert segment["clv_share"] == pytest.approx(float(value) / totals["total_clv"], abs=1e-6)
        for table, part, column in (
            ("segment_features", "features", "median"),
            ("segment_robustness", "robustness", "mean_score"),
            ("segment_validation", "checks", "value"),
            ("segment_actionability", "actions", "strength"),
        ):
            found = connection.execute(
                f"select {column} from segmentry.{table} where segment_id = '{key}'"
            ).fetchall()
            assert len(segment[part]) == len(found), table
            expected = Counter(row[0] for row in found)
            assert Counter(row[column] for row in segment[part]) == expected, table
        at_stake = one(
            f"select value_at_stake_amount from segmentry.segment_viability where segment_id = '{key}'"
        )
        assert Decimal(str(segment["viability"]["value_at_stake_amount"])) == at_stake
    if listed:
        assert Decimal(str(totals["value_at_stake_amount"])) == one(
            "select sum(value_at_stake_amount) from segmentry.segment_viability"
        )

    quality = report["data_quality"]
    assert quality["event_count"] == (
        quality["events_used"] + quality["events_outside_window"] + quality["events_rejected"]
    )
    for part, table in (("rejected_events", "rejected_events"), ("rejected_merges", "id_merge_rejects")):
        assert sum(row["count"] for row in quality[part]) == one(f"select count(*) from segmentry.{table}")
    moves = sum(row["customer_count"] for row in report["migrations"])
    assert moves == one(
        "select coalesce(sum(customer_count), 0) from segmentry.segment_migrations "
        f"where to_run_id = '{newest}'"
    )


def test_json_equals_the_marts_of_the_fixture(
    report: SegmentationReport, warehouse: Callable[[str], Path], marts: duckdb.DuckDBPyConnection
) -> None:
    assert_equal_to_marts(json.loads(report_to_json(load_report(warehouse("moved")))), marts)


def test_json_equals_the_marts_of_the_demo(built_demo: Path) -> None:
    report = json.loads(report_to_json(load_report(built_demo)))
    assert report["segments"]
    with duckdb.connect(str(built_demo), read_only=True) as connection:
        assert_equal_to_marts(report, connection)


def test_page_shows_the_numbers_of_the_marts(
    warehouse: Callable[[str], Path], marts: duckdb.DuckDBPyConnection
) -> None:
    page = Page(render_report(load_report(warehouse("moved"))))
    table = [float(attributes["value"]) for tag, attributes, _ in page.elements if tag == "data"]
    for (value,) in marts.execute(
        "select customer_count::double from segmentry.segments union all "
        "select customer_share from segmentry.segments union all "
        "select total_clv::double from segmentry.segments union all "
        "select average_clv::double from segmentry.segments union all "
        "select median from segmentry.segment_features union all "
        "select overall_robustness from segmentry.segments union all "
        "select customer_count::double from segmentry.segment_migrations"
    ).fetchall():
        assert value in table
    moved, everybody = marts.execute(
        "select sum(customer_count) filter (where is_move), sum(customer_count) "
        "from segmentry.segment_migrations"
    ).fetchone() or (0, 0)
    assert f"{moved} customers changed segment since 31 August 2026" in " ".join(page.texts("h2"))
    assert f"{100 * moved / everybody:.0f}%" in page.texts("dd")


@pytest.mark.parametrize("model", [FeatureComparison, RobustnessTest, Viability, RunSummary])
def test_fields_are_columns_of_the_contract(model: Any) -> None:
    table = {
        FeatureComparison: "segment_features", RobustnessTest: "segment_robustness",
        Viability: "segment_viability", RunSummary: "segmentation_runs",
    }[model]  # fmt: skip
    assert set(model.model_fields) <= {name for name, _, _ in contract()[table]}


def test_the_exposure_names_what_the_report_reads() -> None:
    exposures = yaml.safe_load((ROOT / "models" / "semantic" / "_exposures.yml").read_text())["exposures"]
    (refs,) = (exposure["depends_on"] for exposure in exposures if exposure["name"] == "segmentation_report")
    assert sorted(refs) == sorted(f"ref('segmentry__{table}')" for table in data._TABLES)


# ---- the page is sound ---------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_page_is_well_formed_self_contained_and_accessible(
    scenario: str, warehouse: Callable[[str], Path]
) -> None:
    source = render_report(load_report(warehouse(scenario)))
    page = Page(source)
    assert page.faults == []
    assert {tag for tag, _, _ in page.elements} <= ALLOWED_TAGS
    for tag, attributes, _ in page.elements:
        assert not any(name.startswith("on") for name in attributes), attributes
        assert not {"src", "srcset", "action", "xlink:href"} & set(attributes)
        assert tag != "link" or attributes["href"] == "data:,"
    style = "".join(page.texts("style"))
    assert "url(" not in style
    assert "@import" not in style
    policy = [a["content"] for t, a, _ in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]

    ids = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = [
        attributes["aria-labelledby"] for _, attributes, _ in page.elements if "aria-labelledby" in attributes
    ]
    assert set(labels) <= set(ids)
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    tables = sum(tag == "table" for tag, _, _ in page.elements)
    assert len([text for text in page.texts("caption") if text]) == tables
    assert all(a.get("scope") in ("col", "row") for tag, a, _ in page.elements if tag == "th")
    for tag, attributes, _ in page.elements:
        if tag == "svg":
            assert attributes.get("role") == "img" or "preserveaspectratio" in attributes
    assert "None" not in page.text
    assert "nan" not in page.text.lower().split()


def test_page_is_small(warehouse: Callable[[str], Path]) -> None:
    assert len(render_report(load_report(warehouse("eight"))).encode()) < 150_000


def test_hostile_names_are_text(warehouse: Callable[[str], Path]) -> None:
    source = render_report(load_report(warehouse("hostile")))
    page = Page(source)
    shown = page.texts("bdi")
    for name in HOSTILE_NAMES:
        visible = name.replace("\u202e", "").replace("\u202c", "").strip()
        assert any(text.rstrip("…") and visible.startswith(text.rstrip("…")) for text in shown), name
    assert HOSTILE_CATEGORY[:69] in shown or any(
        HOSTILE_CATEGORY.startswith(t.rstrip("…")) for t in shown if t
    )
    assert "{{ 7*7 }}" in source
    assert "\u202e" not in source
    assert "<script" not in source
    assert "XQZ\u00a0" in source


def test_names_that_would_break_svg_and_css_stay_inside_their_element(tmp_path: Path) -> None:
    names = [
        "</text><script>alert(1)</script>",
        '"/><path d="M0 0"/>',
        "</bdi></span>",
        "--></style>",
        "&lt;b&gt;",
    ]
    path = make_warehouse(tmp_path / "w.duckdb", 5, names=names, previous_run=True)
    page = Page(render_report(load_report(path)))
    assert page.faults == []
    for name in names:
        assert any(text == name for text in page.texts("bdi"))


# ---- honest words --------------------------------------------------------------------------------


def test_no_segments_is_said_at_the_top(warehouse: Callable[[str], Path]) -> None:
    report = load_report(warehouse("insufficient"))
    page = Page(render_report(report))
    assert "too few customers" in page.texts("h1")[0]
    assert page.texts("p", "lede") == ["31 customers, fewer than the 50 that are needed."]
    assert [notice.kind for notice in report.notices] == ["insufficient_data"]
    assert page.texts("article") == []


def test_single_group_is_said_at_the_top(warehouse: Callable[[str], Path]) -> None:
    report = load_report(warehouse("single"))
    page = Page(render_report(report))
    assert "do not differ enough" in page.texts("h1")[0]
    assert [notice.kind for notice in report.notices] == ["single_segment"]
    assert page.texts("div", "notice")[0].startswith("All customers are one group")


def test_none_ready_and_constructive_are_said_at_the_top(warehouse: Callable[[str], Path]) -> None:
    report = load_report(warehouse("constructive"))
    page = Page(render_report(report))
    assert page.texts("h1") == ["5 segments found, none passes every check yet"]
    assert [notice.kind for notice in report.notices] == ["constructive", "none_ready"]
    constructive, ready = page.texts("div", "notice")
    assert "not groups that exist by themselves" in constructive
    assert "maximum share (5 segments)" in ready
    assert page.texts("p", "badge") == ["! Does not pass every check"] * 5


def test_a_run_that_only_assigns_says_which_refit_it_shows(tmp_path: Path) -> None:
    made = make_warehouse(tmp_path / "w.duckdb", 3, refit_as_of=dt.datetime(2026, 7, 1))
    report = load_report(made)
    assert [notice.kind for notice in report.notices] == ["assigned"]
    assert "on events before 1\N{NO-BREAK SPACE}July\N{NO-BREAK SPACE}2026. 2% of" in report.notices[0].text
    (notice,) = Page(render_report(report)).texts("div", "notice")
    assert notice.startswith(report.notices[0].title)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (None, None),
        ("natural", "gaps in the data separate them"),
        ("reproducible", "the same borders come back"),
        ("constructive", "practical division"),
    ],
)
def test_kind_is_named_only_where_known(kind: str | None, says: str | None, tmp_path: Path) -> None:
    page = Page(render_report(load_report(make_warehouse(tmp_path / "w.duckdb", 3, kind=kind))))
    phrases = ("gaps in the data separate them", "the same borders come back", "practical division")
    assert [phrase for phrase in phrases if phrase in page.text] == ([says] if says else [])


def test_ranges_of_value_and_why_it_is_a_rule_of_thumb(tmp_path: Path) -> None:
    problem = "fits; but frequency and spend are related (correlation 0.40)"
    ruled = load_report(make_warehouse(tmp_path / "a.duckdb", 2, value_problem=problem))
    page = Page(render_report(ruled))
    assert page.text.count("Expected value is a rule of thumb here") == 1
    assert (
        "A model of purchases (MBG/NBD) was tried and not used for it: frequency and spend are related "
        "(correlation 0.40)." in page.text
    )
    low, high = (
        wording.money(value or 0, "EUR")
        for value in (ruled.segments[0].total_clv_low, ruled.segments[0].total_clv_high)
    )
    assert page.texts("span", "range")[0] == f"({low} to {high})"
    path = make_warehouse(tmp_path / "b.duckdb", 2)
    with duckdb.connect(str(path)) as connection:
        connection.execute("update segmentry.segments set total_clv_low = null, total_clv_high = null")
        connection.execute(
            "update segmentry.clv_fit set is_clv_method = (method = 'heuristic'), reason = 'fits'"
        )
    page = Page(render_report(load_report(path)))
    assert "rule of thumb here" not in page.text, "asked for, not fallen back to"
    assert "tried and not used" not in page.text
    assert page.texts("span", "range") == []


@pytest.mark.parametrize(
    ("decision", "badge"),
    [
        ("pursue", "✓ Ready to act on"),
        ("test", "✓ Passes the checks, test first"),
        ("reject", "! Passes the checks, does not pay"),
    ],
)
def test_a_sound_segment_that_does_not_pay_is_not_called_ready(
    decision: str, badge: str, warehouse: Callable[[str], Path], tmp_path: Path
) -> None:
    path = Path(shutil.copy(warehouse("two"), tmp_path / "w.duckdb"))
    with duckdb.connect(str(path)) as connection:
        connection.execute("update segmentry.segment_viability set decision = ?", [decision])
    assert Page(render_report(load_report(path))).texts("p", "badge") == [badge] * 2


def test_example_costs_are_called_examples(warehouse: Callable[[str], Path], tmp_path: Path) -> None:
    path = Path(shutil.copy(warehouse("two"), tmp_path / "w.duckdb"))
    loss = "update segmentry.segment_viability set decision = 'test', roi_low = -0.9, roi_base = -0.5, roi_high = -0.1"
    with duckdb.connect(str(path)) as connection:
        connection.execute(loss)
    page = Page(render_report(load_report(path)))
    assert page.texts("p", "badge") == ["✓ Passes the checks, test first"] * 2
    assert "here on the shipped examples" not in page.text
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "update segmentry.segment_viability set is_shipped_assumption = segment_id = "
            "(select min(segment_id) from segmentry.segment_viability)"
        )
    page = Page(render_report(load_report(path)))
    assert sorted(page.texts("p", "badge")) == [
        "! Passes the checks; example costs, enter yours",
        "✓ Passes the checks, test first",
    ]
    assert "here on the shipped examples of costs and effect" in page.text


def test_scores_are_rounded_down_so_that_no_cut_is_claimed() -> None:
    assert [wording.score(value) for value in (0.7499, 0.75, 0.29, 1.0, 0.0)] == [
        "0.74", "0.75", "0.29", "1.00", "0.00",
    ]  # fmt: skip


def test_untested_segments_are_never_called_stable(warehouse: Callable[[str], Path]) -> None:
    page = Page(render_report(load_report(warehouse("untested"))))
    assert "Whether these segments are stable is not known" in page.texts("h2")
    assert page.texts("span", "verdict") == ["? Unknown"] * 3
    assert page.text.count("No text has been written for this segment yet") == 3
    assert "The texts are not written yet" in page.text


def test_fallback_is_mentioned(warehouse: Callable[[str], Path]) -> None:
    assert "For 2 of 2 segments the template stands in" in render_report(load_report(warehouse("fallback")))


def test_first_run_has_one_quiet_sentence_and_no_moves(warehouse: Callable[[str], Path]) -> None:
    page = Page(render_report(load_report(warehouse("five"))))
    assert sum("There is no earlier run to compare with" in text for text in page.texts("p", "quiet")) == 1
    assert "changed segment" not in page.text


def test_silhouette_is_named_when_it_prefers_another_number(tmp_path: Path) -> None:
    other = render_report(load_report(make_warehouse(tmp_path / "a.duckdb", 5)))
    same = render_report(
        load_report(make_warehouse(tmp_path / "b.duckdb", 5, silhouette_prefers_other=False))
    )
    assert "would prefer 3" in other
    assert "would prefer" not in same


def test_only_what_differs_is_marked(warehouse: Callable[[str], Path]) -> None:
    report = load_report(warehouse("five"))
    page = Page(render_report(report))
    marked = [
        a for tag, a, _ in page.elements if tag == "td" and a.get("class") in ("up1", "up2", "down1", "down2")
    ]
    assert len(marked) == sum(row.is_distinctive for segment in report.segments for row in segment.features)


def test_equal_medians_give_way_to_means(tmp_path: Path) -> None:
    path = make_warehouse(tmp_path / "w.duckdb", 3)
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "update segmentry.segment_features set median = 0, mean = 0.31, label = 'higher', "
            "is_distinctive = true where feature = 'discount_share' and segment_id = 'S2'"
        )
        connection.execute(
            "update segmentry.segment_features set population_median = 0 where feature = 'discount_share'"
        )
    page = Page(render_report(load_report(path)))
    headers = [text for text in page.texts("th") if text.startswith("Bought on discount")]
    assert headers == ["Bought on discountaverage"]
    assert any(text.startswith("31%") for text in page.texts("td"))


def test_headline_names_the_segment_that_holds_more_than_its_share(report: SegmentationReport) -> None:
    best = max(report.segments, key=lambda segment: (segment.clv_share or 0) - segment.customer_share)
    assert report.headline == (
        f"{best.customer_share:.0%} of customers hold {best.clv_share:.0%} of the expected value"
    )
    assert f"“{best.segment_name}”" in report.summary


def test_customers_without_orders_have_no_value_and_no_crash(warehouse: Callable[[str], Path]) -> None:
    report = load_report(warehouse("poor"))
    assert report.totals.buyer_count == 0
    assert {segment.clv_share for segment in report.segments} == {None}
    assert "100%" not in report.headline


# ---- words and numbers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("0", "EUR", "€0"), ("0.4", "EUR", "€0.40"), ("9.994", "EUR", "€9.99"), ("198", "GBP", "£198"),
        ("9999.4", "EUR", "€9,999"), ("9999.5", "EUR", "€10k"), ("48230", "USD", "$48k"),
        ("999499", "EUR", "€999k"), ("999500", "EUR", "€1.0m"), ("4890000", "EUR", "€4.9m"),
        ("999950000", "EUR", "€1.0bn"), ("-198", "EUR", "\u2212€198"), ("-0.001", "EUR", "€0.00"),
        ("5", "XQZ", "XQZ\u00a05.00"), ("5000", "chf", "chf\u00a05,000"),
    ],
)  # fmt: skip
def test_money(amount: str, currency: str, text: str) -> None:
    assert wording.money(Decimal(amount), currency) == text
    assert wording.money(float(amount), currency) == text


@given(st.decimals(min_value=0, max_value=10**12, places=2))
def test_money_is_never_off_by_more_than_its_last_digit(amount: Decimal) -> None:
    text = wording.money(amount, "EUR").removeprefix("€").replace(",", "")
    scale = {"k": 10**3, "m": 10**6, "n": 10**9}.get(text[-1], 1)
    digits = text.rstrip("kmbn")
    places = len(digits.partition(".")[2])
    shown = Decimal(digits) * scale
    assert abs(shown - amount) <= Decimal(scale) / 10**places / 2
    assert len(digits) <= 6


@given(st.floats(0, 1))
def test_share_claims_none_or_all_only_when_true(fraction: float) -> None:
    text = wording.share(fraction)
    assert (text == "0%") == (fraction == 0)
    assert (text == "100%") == (fraction == 1)
    if text[0].isdigit():
        assert abs(float(text[:-1]) / 100 - fraction) <= 0.005 + 1e-9


@given(st.text(max_size=200))
def test_clean_is_one_short_line_without_control_characters(text: str) -> None:
    cleaned = wording.clean(text)
    assert len(cleaned) <= 70
    assert wording.clean(cleaned) == cleaned
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]", cleaned)


def test_right_to_left_names_are_isolated_in_sentences() -> None:
    assert wording.quoted("\u0639\u0645\u0644\u0627\u0621") == "“\u2068\u0639\u0645\u0644\u0627\u0621\u2069”"
    assert wording.quoted("Loyal") == "“Loyal”"


@pytest.mark.parametrize(
    ("parts", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_listed(parts: list[str], text: str) -> None:
    assert wording.listed(parts) == text


def test_summary_of_a_segment(report: SegmentationReport) -> None:
    segment = report.segments[0]
    lines = segment_to_summary(report, segment.segment_id).splitlines()
    assert lines[0].startswith(
        f"{segment.segment_id} {segment.segment_name}: {segment.customer_count} customers"
    )
    assert f"{segment.overall_robustness:.2f}" in lines[1]
    assert lines[-2:] == ["Campaign: go ahead", "Checks: passed"]
    with pytest.raises(ReportGenerationError, match=r"no segment 'S99'.*S1"):
        segment_to_summary(report, "S99")


@pytest.mark.parametrize("report", ["constructive", "untested", "poor", "hostile"], indirect=True)
def test_summaries_say_why_a_segment_is_not_ready(report: SegmentationReport) -> None:
    for segment in report.segments:
        last = segment_to_summary(report, segment.segment_id).splitlines()[-1]
        assert last.startswith("Checks: passed" if segment.is_production_ready else "Checks: not passed (")


# ---- schema --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_json_reads_back_as_the_same_report(scenario: str, warehouse: Callable[[str], Path]) -> None:
    report = load_report(warehouse(scenario))
    text = report_to_json(report)
    assert SegmentationReport.model_validate_json(text) == report
    assert json.loads(text)["schema_version"] == SCHEMA_VERSION
    assert f"`schema_version` is `{SCHEMA_VERSION}`" in (ROOT / "docs" / "report.md").read_text()
    jsonschema.validate(json.loads(text), json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


def test_the_schema_file_is_that_of_the_models_and_says_no() -> None:
    text = SCHEMA_FILE.read_text(encoding="utf-8")
    assert text == report_schema(), "write docs/report.schema.json again: docs/report.md says how"
    jsonschema.Draft202012Validator.check_schema(json.loads(text))


def test_the_schema_file_refuses_what_the_models_refuse(report: SegmentationReport) -> None:
    schema, content = json.loads(SCHEMA_FILE.read_text(encoding="utf-8")), json.loads(report_to_json(report))
    for damage in ({"schema_version": "2.0"}, {"surprise": 1}, {"headline": None}, {"segments": [{}]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(content | damage, schema)


def test_schema_is_strict(report: SegmentationReport) -> None:
    content = json.loads(report_to_json(report))
    with pytest.raises(ValidationError, match="schema_version"):
        SegmentationReport.model_validate(content | {"schema_version": "2.0"})
    with pytest.raises(ValidationError, match="extra"):
        SegmentationReport.model_validate(content | {"surprise": 1})


# ---- reading -------------------------------------------------------------------------------------


def test_a_connection_or_a_file_called_segmentry_reads_the_same(tmp_path: Path) -> None:
    # A catalog called like the schema makes `segmentry.segments` ambiguous.
    path = make_warehouse(tmp_path / "segmentry.duckdb", 2)
    with duckdb.connect(str(path), read_only=True) as connection:
        assert load_report(connection) == load_report(path) == load_report(str(path))


def test_reading_changes_nothing(warehouse: Callable[[str], Path]) -> None:
    path = warehouse("two")
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    load_report(path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert list(path.parent.glob("two.duckdb.*")) == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("drop table segmentry.segment_viability", r"1 are missing: segment_viability.*dbt build"),
        ("delete from segmentry.segmentation_runs", r"segmentation_runs` has no row.*dbt build"),
        (
            "update segmentry.segment_features set run_id = 'other'",
            r"different runs.*segment_features.*dbt build",
        ),
        ("update segmentry.segmentation_runs set status = 'odd'", r"RunSummary.status.*contract"),
        ("update segmentry.segments set customer_share = 'nan'", r"customer_share.*contract"),
        ("alter table segmentry.segments drop column defining_traits", r"defining_traits.*contract"),
        ("alter table segmentry.customers drop column clv", r"clv.*contract"),
    ],
)
def test_broken_warehouses_say_what_and_what_to_do(
    damage: str, message: str, warehouse: Callable[[str], Path], tmp_path: Path
) -> None:
    path = Path(shutil.copy(warehouse("two"), tmp_path / "w.duckdb"))
    with duckdb.connect(str(path)) as connection:
        connection.execute(damage)
    with pytest.raises(ReportGenerationError, match=f"(?s){message}"):
        load_report(path)


def test_missing_or_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ReportGenerationError, match="no warehouse at"):
        load_report(tmp_path / "nothing.duckdb")
    (tmp_path / "text.duckdb").write_text(
        "not a database at all, but long enough to look like a file\n" * 100
    )
    with pytest.raises(ReportGenerationError, match="can't be opened"):
        load_report(tmp_path / "text.duckdb")


def test_the_newest_run_is_shown_and_older_migrations_are_not(tmp_path: Path) -> None:
    path = make_warehouse(tmp_path / "w.duckdb", 3, previous_run=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "update segmentry.segment_migrations set from_run_id = 'old', to_run_id = ?", [PREVIOUS_RUN_ID]
        )
    report = load_report(path)
    assert report.run.run_id == RUN_ID
    assert report.migrations == ()
    assert report.previous_run is None


# ---- files and charts ----------------------------------------------------------------------------


def test_files_are_complete_and_the_same_every_time(warehouse: Callable[[str], Path], tmp_path: Path) -> None:
    database = warehouse("two")
    report = generate_segmentation_report(database, tmp_path / "out")
    written = {
        str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()
    }
    charts = {f"charts/{name}.{ending}" for name in CHARTS for ending in ("svg", "png")}
    assert written == {"report.html", "report.json", *charts}
    assert (tmp_path / "out" / "report.json").read_text(encoding="utf-8") == report_to_json(
        load_report(database)
    )
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8") == render_report(
        load_report(database)
    )
    for ending in ("svg", "png"):
        save_chart(CHARTS["segment_features"](report), tmp_path / f"again.{ending}")
        again = (tmp_path / f"again.{ending}").read_bytes()
        assert again == (tmp_path / "out" / "charts" / f"segment_features.{ending}").read_bytes()
        assert b"<dc:date>" not in again


def test_a_folder_that_can_not_be_written(warehouse: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file stands here")
    with pytest.raises(ReportGenerationError, match="can't be written"):
        generate_segmentation_report(warehouse("insufficient"), tmp_path / "taken")


@pytest.mark.parametrize(
    ("name", "scenario"),
    [
        *((name, "hostile") for name in CHARTS),
        *((name, "insufficient") for name in CHARTS),
        *((name, "one") for name in ("segment_dashboard", "cluster_selection")),
        *((name, "twelve") for name in ("robustness_heatmap", "segment_sizes_pie")),
        *((name, "untested") for name in ("robustness_heatmap", "robustness_scores")),
    ],
)
def test_charts_draw_every_report(name: str, scenario: str, warehouse: Callable[[str], Path]) -> None:
    report = load_report(warehouse(scenario))
    figure = CHARTS[name](report)
    figure.draw_without_rendering()
    texts = [artist.get_text() for artist in figure.findobj() if hasattr(artist, "get_text")]
    if not report.segments:
        assert report.headline in texts
    elif name != "cluster_selection":
        for segment in report.segments:
            assert any(
                text.startswith(segment.segment_id) or f"  {segment.segment_id}" in text for text in texts
            )


def test_charts_leave_the_callers_matplotlib_alone(report: SegmentationReport) -> None:
    import matplotlib
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    plot_segment_distribution(report)
    assert dict(matplotlib.rcParams) == before
    assert pyplot.get_fignums() == []


def test_the_report_is_imported_without_matplotlib() -> None:
    import subprocess

    code = "import sys, segmentry.report; sys.exit('matplotlib' in sys.modules or 'seaborn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- colours -------------------------------------------------------------------------------------

# Machado, Oliveira and Fernandes 2009, severity 1.
VISION = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881),
    ),
    "protanopia": (
        (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998),
    ),
}  # fmt: skip


def oklab(colour: str, vision: str) -> tuple[float, ...]:
    """Colour as seen, in OKLab (Ottosson 2020)."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    seen = [min(max(sum(m * c for m, c in zip(row, linear, strict=True)), 0), 1) for row in VISION[vision]]
    cones = (
        (0.4122214708, 0.5363325363, 0.0514459929),
        (0.2119034982, 0.6806995451, 0.1073969566),
        (0.0883024619, 0.2817188376, 0.6299787005),
    )
    long, middle, short = (sum(m * c for m, c in zip(row, seen, strict=True)) ** (1 / 3) for row in cones)
    return (
        0.2104542553 * long + 0.793617785 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.428592205 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.808675766 * short,
    )


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("colours", [palette.LIGHT, palette.DARK])
@pytest.mark.parametrize(("number", "least"), [(8, 0.1), (12, 0.05)])
def test_segment_colours_stay_apart(colours: tuple[str, ...], vision: str, number: int, least: float) -> None:
    seen = [oklab(colour, vision) for colour in colours[:number]]
    distances = [
        sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) ** 0.5
        for place, first in enumerate(seen)
        for second in seen[:place]
    ]
    assert min(distances) >= least


def test_text_on_segment_colours_is_readable() -> None:
    for colours, page in ((palette.LIGHT, "#fbfaf8"), (palette.DARK, "#131519")):
        for colour in colours:
            assert palette.contrast(colour, palette.text_on(colour)) >= 4.5
            assert palette.contrast(colour, page) >= 3
    assert palette.contrast("#000000", "#ffffff") == pytest.approx(21)


def test_page_colours_reach_aa_in_both_schemes(report: SegmentationReport) -> None:
    style = "".join(Page(render_report(report)).texts("style"))
    schemes = [
        dict(re.findall(r"--([\w-]+):(#[0-9a-f]+)", rule))
        for rule in re.findall(r":root\{([^}]*)\}", style)[:2]
    ]
    assert len(schemes) == 2
    for scheme in schemes:
        colours = {
            name: value if len(value) == 7 else "#" + "".join(c * 2 for c in value[1:])
            for name, value in scheme.items()
        }
        for text in ("ink", "soft", "link", "good", "warn", "bad"):
            for ground in ("page", "card"):
                assert palette.contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        for ground in ("note", "up1", "up2", "down1", "down2"):
            assert palette.contrast(colours["ink"], colours[ground]) >= 4.5, ground


def test_colours_follow_ids_not_rank() -> None:
    assert palette.colour_places(["S3", "S1", "S2"]) == palette.colour_places(["S2", "S3", "S1"])
    assert palette.colour_places(["S2", "S10"]) == {"S2": 0, "S10": 1}


# ---- the command ---------------------------------------------------------------------------------


def test_the_command_writes_the_report(
    warehouse: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database, output = warehouse("insufficient"), tmp_path / "out"
    assert main(["report", "--database", str(database), "--output", str(output)]) == 0
    assert str(output / "report.html") in capsys.readouterr().out
    assert (output / "report.html").is_file()


def test_the_command_says_what_is_wrong_without_a_stack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--database", str(tmp_path / "none.duckdb")]) == 1
    assert "There is no warehouse at" in capsys.readouterr().err
