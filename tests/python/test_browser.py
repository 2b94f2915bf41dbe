"""The page in a real browser, without a network: nothing is loaded, nothing is broken, everybody can read it.

Needs Chromium (`make test-browser` says how to get it) and is not part of `make test`.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from report_fixture import HOSTILE_CATEGORY, HOSTILE_NAMES, RUN_ID, make_warehouse

from segmentry.report import load_report, render_report
from segmentry.report.wording import feature_name

pytestmark = pytest.mark.browser

SCENARIOS: dict[str, dict[str, Any]] = {
    "two": {"segments": 2, "customers": 400},
    "five": {"segments": 5, "customers": 4000, "previous_run": True},
    "eight": {"segments": 8, "customers": 4000, "previous_run": True, "currency": "GBP"},
    "twelve": {"segments": 12, "customers": 4000, "previous_run": True, "kind": None},
    "constructive": {"segments": 5, "kind": "constructive", "ready": False},
    "insufficient": {"status": "insufficient_data", "customers": 31},
    "untested": {"segments": 3, "robustness": False, "explanations": "pending"},
    "hostile": {
        "segments": 8, "names": HOSTILE_NAMES, "category": HOSTILE_CATEGORY, "previous_run": True,
        "currency": "XQZ",
    },
}  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome")
# Widths that the design promises: a laptop's window and a phone.
WIDE, NARROW = 1100, 390


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = os.environ.get("SEGMENTRY_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.fail(
            f"No browser: none of {', '.join(NAMES)} is on the path. Install one (Debian: apt-get install "
            "chromium), or name it in SEGMENTRY_CHROMIUM.",
            pytrace=False,
        )
    with sync_playwright() as playwright:
        # The sandbox of Chromium does not start as root, as in a container of CI.
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("pages")

    def made(scenario: str) -> Path:
        path = folder / f"{scenario}.duckdb"
        if not path.exists():
            make_warehouse(path, **SCENARIOS[scenario])
            path.with_suffix(".html").write_text(render_report(load_report(path)), encoding="utf-8")
        return path

    return made


class Visit:
    """The page of a warehouse, opened from its file with the network cut; notes whatever should not happen."""

    def __init__(self, browser: Browser, database: Path, width: int = WIDE, scheme: Any = "light") -> None:
        self.faults: list[str] = []
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        self.page: Page = self.context.new_page()
        file = database.with_suffix(".html").as_uri()
        self.page.on("console", lambda message: self.faults.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.faults.append("dialog"), dialog.dismiss()))
        self.page.on(
            "request",
            lambda request: (
                None if request.url in (file, "data:,") else self.faults.append(f"request: {request.url}")
            ),
        )
        self.page.goto(file)

    def __enter__(self) -> Page:
        return self.page

    def __exit__(self, *_: object) -> None:
        self.context.close()


def open_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(folded => folded.open = true)")


def violations(page: Page) -> list[str]:
    """What axe-core finds, each with the first element that has it."""
    import axe_playwright_python

    source = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    page.evaluate(source)
    found = page.evaluate("axe.run(document)")
    assert len(found["passes"]) > 10
    return [f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in found["violations"]]


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "scenario", ["five", "twelve", "constructive", "insufficient", "untested", "hostile"]
)
def test_page_loads_nothing_breaks_nothing_and_is_accessible(
    scenario: str, scheme: str, width: int, browser: Browser, warehouse: Callable[[str], Path]
) -> None:
    visit = Visit(browser, warehouse(scenario), width, scheme)
    with visit as page:
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", ground))) < 3 * 128) == (scheme == "dark")
        open_all(page)
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, "scrolls sideways"
        # Nothing is cut off: what is wider than its box can be scrolled or is meant to be cut.
        cut = page.evaluate(
            """[...document.querySelectorAll('h1,h2,h3,p,td,th,dd,dt,li,summary')].filter(element =>
                element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX === 'visible'
                && element.clientWidth > 0 && !element.closest('.scroll, .sr')).map(element => element.outerHTML)"""
        )
        assert cut == []
    assert visit.faults == []


@pytest.mark.parametrize("scenario", ["two", "five", "eight", "twelve", "constructive"])
def test_print_fits_three_pages(scenario: str, browser: Browser, warehouse: Callable[[str], Path]) -> None:
    with Visit(browser, warehouse(scenario), scheme="dark") as page:
        printed = page.pdf(prefer_css_page_size=True, print_background=True)
        sheets = [tuple(map(float, box.split())) for box in re.findall(rb"/MediaBox \[([\d. ]+)\]", printed)]
        assert 1 <= len(sheets) <= 3
        # A4 in points; the dark scheme is for screens.
        assert {tuple(round(edge / 2) for edge in sheet) for sheet in sheets} <= {
            (0, 0, 298, 421),
            (0, 0, 297, 421),
        }
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        for heading in page.locator("main > section > h2").all():
            if heading.get_attribute("id") != "made":
                assert heading.is_visible()
        assert page.locator(".card").count() == SCENARIOS[scenario]["segments"]
        assert all(card.is_visible() for card in page.locator(".card").all())


def test_hostile_names_are_inert_and_shown(browser: Browser, warehouse: Callable[[str], Path]) -> None:
    visit = Visit(browser, warehouse("hostile"))
    with visit as page:
        open_all(page)
        assert page.evaluate("document.scripts.length + document.images.length") == 0
        assert (
            page.evaluate(
                "[...document.querySelectorAll('*')].filter(e => e.getAttributeNames().some(n => n.startsWith('on'))).length"
            )
            == 0
        )
        shown = page.evaluate("[...document.querySelectorAll('.sizes bdi')].map(e => e.innerText)")
        for name in HOSTILE_NAMES:
            start = re.sub("[\u202a-\u202e]", "", name).strip()[:40]
            assert any(text.startswith(start) for text in shown), name
    assert visit.faults == []


def test_keyboard_reaches_what_can_be_opened_or_scrolled(
    browser: Browser, warehouse: Callable[[str], Path]
) -> None:
    with Visit(browser, warehouse("five"), NARROW) as page:
        wanted = page.locator("summary, .scroll:visible").count()
        reached = set()
        for _ in range(wanted + 5):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.outerHTML.slice(0, 150)"))
        assert page.locator("summary").count() <= len(
            [html for html in reached if html.startswith("<summary")]
        )
        page.locator("summary").first.focus()
        page.keyboard.press("Enter")
        assert page.locator("details").first.get_attribute("open") is not None


# ---- every number is that of the marts -----------------------------------------------------------

SCALES = {"k": 1e3, "m": 1e6, "bn": 1e9}
NUMBER = re.compile(r"([<>]?)(\u2212?)([€£$]|XQZ\s)?(\d[\d,]*(?:\.\d+)?)(bn|[km])?(%)?")


def read(text: str) -> tuple[float, float]:
    """Number in a text as a reader understands it, and how far the true one may be from it."""
    match = NUMBER.search(text)
    assert match, text
    bound, sign, _, digits, unit, percent = match.groups()
    scale = SCALES.get(unit or "", 1) * (0.01 if percent else 1)
    places = len(digits.partition(".")[2])
    value = float(digits.replace(",", "")) * scale * (-1 if sign else 1)
    # "<1%" stands for anything below one half of it.
    return value, scale * 10.0**-places * (1 if bound else 0.5) + 1e-9


def assert_shows(text: str, expected: float | None, *, cut: bool = False) -> None:
    """Scores are cut and not rounded: the true one is up to a whole last digit above."""
    assert expected is not None, text
    value, slack = read(text)
    assert -slack <= expected - value <= slack * (2 if cut else 1), f"{text!r} is not {expected}"


def rows(database: Path, query: str) -> dict[str, tuple[Any, ...]]:
    """Rows by their first column, numbers as floats."""
    with duckdb.connect(str(database), read_only=True) as connection:
        found = connection.execute(query).fetchall()
    return {row[0]: tuple(float(v) if hasattr(v, "as_tuple") else v for v in row[1:]) for row in found}


def table(page: Page, selector: str) -> dict[str, list[str]]:
    """Cells of a table's body as text, by the id of the segment that the row is about."""
    return page.evaluate(
        """selector => Object.fromEntries([...document.querySelectorAll(selector + ' tbody tr')]
            .filter(row => row.querySelector('th .id'))
            .map(row => [row.querySelector('th .id').innerText.trim(), [...row.cells].slice(1).map(cell => cell.innerText)]))""",
        selector,
    )


@pytest.fixture(scope="module", params=["five", "twelve"])
def shown(
    request: pytest.FixtureRequest, browser: Browser, warehouse: Callable[[str], Path]
) -> Iterator[tuple[Page, Path]]:
    database = warehouse(request.param)
    with Visit(browser, database) as page:
        open_all(page)
        yield page, database


def test_sizes_and_values(shown: tuple[Page, Path]) -> None:
    page, database = shown
    expected = rows(
        database,
        """select segment_id, customer_share, customer_count, clv_share, total_clv, total_clv_low, total_clv_high,
        average_clv, value_at_stake_amount
        from segmentry.segments inner join segmentry.segment_viability using (segment_id)""",
    )
    found = table(page, ".sizes")
    assert set(found) == set(expected)
    for segment, (customers, value, each, at_risk) in found.items():
        share, count, clv_share, total, low, high, average, stake = expected[segment]
        for text, number in (
            *zip(customers.split(), (share, count), strict=True),
            *zip(
                [match[0] for match in NUMBER.finditer(value)],
                (clv_share, total, low, high),
                strict=True,
            ),
            (each, average),
            (at_risk, stake),
        ):
            assert_shows(text, number)


def test_cards(shown: tuple[Page, Path]) -> None:
    page, database = shown
    expected = rows(
        database,
        f"""select segments.segment_id, segments.total_clv, segments.customer_count,
        segments.customer_count - earlier.customer_count, segments.overall_robustness, 1 + roi_base, 1 + roi_low, 1 + roi_high
        from segmentry.segments
        inner join segmentry.segment_viability using (segment_id)
        inner join segmentry.segment_history as earlier on earlier.segment_id = segments.segment_id
            and earlier.run_id <> '{RUN_ID}'""",
    )
    lifts = rows(
        database,
        """select segment_id || ' ' || dimension, lift from segmentry.segment_actionability
        where is_actionable and candidate is not null""",
    )
    cards = page.evaluate(
        """[...document.querySelectorAll('.card')].map(card => [card.querySelector('.id').innerText.trim(),
            [...card.querySelectorAll('.meta > span')].map(part => part.innerText),
            Object.fromEntries([...card.querySelectorAll('dt')].map(term => [term.innerText, [...term.nextElementSibling.children].map(part => part.innerText)]))])"""
    )
    assert len(cards) == len(expected)
    for segment, (value, count, change), facts in cards:
        total, customers, moved, robustness, base, low, high = expected[segment]
        assert_shows(value, total)
        assert_shows(count, customers)
        if moved:
            assert_shows(change.replace("+", ""), moved)
        for dimension in ("What", "When", "How", "Who"):
            key = f"{segment} {dimension.lower()}"
            *_, note = facts[dimension]
            assert note.endswith("average") == (key in lifts)
            if key in lifts:
                assert_shows(note, lifts[key][0])
        back, per = facts["Return"][0].split(" per ")
        assert_shows(back, base)
        assert read(per)[0] == 1
        for text, number in zip(facts["Return"][1].split(" to "), (low, high), strict=True):
            assert_shows(text, number)
        assert_shows(facts["Confidence"][0], robustness, cut=True)


def test_typical_values(shown: tuple[Page, Path]) -> None:
    page, database = shown
    with duckdb.connect(str(database), read_only=True) as connection:
        values = connection.execute(
            "select segment_id, feature, median, mean from segmentry.segment_features"
        ).fetchall()
    expected = {(segment, feature_name(feature)): typical for segment, feature, *typical in values}
    found = page.evaluate(
        """[...document.querySelectorAll('.heat')].flatMap(table => {
            const titles = [...table.tHead.rows[0].cells].map(head => head.firstChild.textContent)
            return [...table.tBodies[0].rows].filter(row => row.querySelector('th .id')).flatMap(row =>
                [...row.cells].slice(1).map((cell, place) =>
                    [row.querySelector('.id').textContent.trim(), titles[place + 1], cell.textContent]))})"""
    )
    assert {(segment, title) for segment, title, _ in found} == set(expected)
    for segment, title, text in found:
        value, slack = read(text)
        assert min(abs(number - value) for number in expected[segment, title]) <= slack, (segment, title)


def test_moves(shown: tuple[Page, Path]) -> None:
    page, database = shown
    expected = rows(
        database,
        """select from_segment_id || ' ' || to_segment_id, customer_count, customer_share, boundary_count
        from segmentry.segment_migrations where is_move""",
    )
    largest = page.evaluate(
        """[...document.querySelectorAll('.moved tbody tr')].map(row =>
            [[...row.querySelectorAll('.id')].map(id => id.innerText.trim()).join(' '), ...[...row.cells].slice(1).map(cell => cell.innerText)])"""
    )
    assert len(largest) == 5
    assert [int(row[1].replace(",", "")) for row in largest] == sorted(
        (row[0] for row in expected.values()), reverse=True
    )[:5]
    for way, count, undecided in largest:
        assert_shows(count, expected[way][0])
        assert_shows(undecided, expected[way][2])
    moved, everybody, near = rows(
        database,
        """select 1, sum(customer_count) filter (is_move), sum(customer_count), sum(boundary_count) filter (is_move)
        from segmentry.segment_migrations""",
    )[1]  # type: ignore[index]
    assert_shows(page.locator("#moved").inner_text(), moved)
    assert_shows(page.locator("#moved + .sub").inner_text(), near)
    assert_shows(page.locator(".figures dd").nth(3).inner_text(), moved / everybody)


def test_scores(shown: tuple[Page, Path]) -> None:
    page, database = shown
    expected = rows(
        database,
        """select segments.segment_id, overall_robustness,
        max(mean_score) filter (test = 'bootstrap' and segment_robustness.is_deciding),
        min(mean_score) filter (test = 'feature_drop' and variant <> 'all'),
        min(mean_score) filter (test = 'time_structure' and variant <> 'all')
        from segmentry.segments inner join segmentry.segment_robustness using (segment_id)
        group by segments.segment_id, overall_robustness""",
    )
    found = table(page, ".trust")
    assert set(found) == set(expected)
    for segment, (_, detail) in found.items():
        overall, *worst = expected[segment]
        verdict, parts = detail.split("\n")
        assert_shows(verdict, overall, cut=True)
        for text, number in zip(parts.split(", "), worst, strict=True):
            assert_shows(text, number, cut=True)


def test_sums_at_the_top(shown: tuple[Page, Path]) -> None:
    page, database = shown
    total, stake, ready, number, customers = rows(
        database,
        """select 1, sum(total_clv), (select sum(value_at_stake_amount) from segmentry.segment_viability),
        count(*) filter (is_production_ready), count(*), sum(customer_count) from segmentry.segments""",
    )[1]  # type: ignore[index]
    figures = page.locator(".figures dd")
    assert_shows(figures.nth(0).inner_text(), total)
    assert_shows(figures.nth(1).inner_text(), stake)
    assert figures.nth(2).inner_text().split() == [str(ready), "of", str(number)]
    assert_shows(page.locator(".kicker").inner_text().rpartition("·")[2], customers)
    best = rows(
        database,
        "select 1, customer_share, clv_share from segmentry.segments order by clv_share - customer_share desc limit 1",
    )[1]  # type: ignore[index]
    for text, share in zip(re.findall(r"\S*\d+%", page.locator("h1").inner_text()), best, strict=True):
        assert_shows(text, share)
