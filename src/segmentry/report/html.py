"""Render the report as one self-contained page: no script, no request, inline CSS and SVG.

Python computes geometry and picks words; the template says what stands where. Everything from the data passes
through jinja2's autoescape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from segmentry.report import wording
from segmentry.report.palette import DARK, LIGHT, colour_places, text_on
from segmentry.report.schema import (
    ClusterChoice,
    FeatureComparison,
    Migration,
    RobustnessTest,
    SegmentationReport,
    SegmentSummary,
)

__all__ = ["render_report"]

# More columns than this don't fit a page; the rest of the features stands in a folded table.
_HEAT_COLUMNS = 8
_MARKS = {"much higher": "▲▲", "higher": "▲", "average": "", "lower": "▼", "much lower": "▼▼"}
_TONES = {"much higher": "up2", "higher": "up1", "average": "", "lower": "down1", "much lower": "down2"}
_VERDICTS = {"highly stable": "✓", "stable": "✓", "doubtful": "!", "unstable": "✕", "unknown": "?"}
_STABLE = 0.75
_DISSOLVED = 0.5
# The row of a test that holds the mean over its variants.
_ALL_VARIANTS = "all"
_CUTS = ((0.60, "doubtful"), (0.75, "stable"), (0.85, "highly stable"))
# What a segment that passes every check may be used for, by the decision of segment_viability.
_BADGES = {
    "pursue": ("good", "✓", "Ready to act on"),
    "test": ("good", "✓", "Passes the checks, test first"),
    "reject": ("warn", "!", "Passes the checks, does not pay"),
}
_TIERS = {
    "A": "the customers who hold the first half of expected value",
    "B": "the next 30%",
    "C": "the rest",
    "D": "none expected",
}


def render_report(report: SegmentationReport) -> str:
    """Render the page.

    Parameters
    ----------
    report : SegmentationReport
        See `load_report`.

    Returns
    -------
    str
        HTML; the same report gives the same text.

    Examples
    --------
    >>> from segmentry.report import load_report, render_report
    >>> page = render_report(load_report("warehouse.duckdb"))  # doctest: +SKIP
    """
    places = colour_places(
        [segment.segment_id for segment in report.segments]
        + [migration.from_segment_id for migration in report.migrations]
    )
    currency = report.run.reporting_currency
    columns = _heat_columns(report.segments)
    page = _environment().get_template("report.html.jinja")
    return page.render(
        report=report,
        run=report.run,
        segments=report.segments,
        currency=currency,
        colour={segment_id: f"c{place + 1}" for segment_id, place in places.items()},
        palette=[
            (name, [(place + 1, colour, text_on(colour)) for place, colour in enumerate(colours)])
            for name, colours in (("light", LIGHT), ("dark", DARK))
        ],
        bar_scale=max(
            [*(s.customer_share for s in report.segments), *(s.clv_share or 0 for s in report.segments), 0.01]
        ),
        strips=_strips(report.segments),
        concentrated=wording.concentrated_segment(report.segments),
        heat=[
            _heat(report.segments, part, currency)
            for part in (columns[:_HEAT_COLUMNS], columns[_HEAT_COLUMNS:])
        ],
        flows=_flows(report),
        moves=_moves(report.migrations),
        trust=_trust(report.segments),
        curves=_curves(report.cluster_selection),
        writing=_writing(report.segments),
        method_problem=wording.method_problem(report.clv_fit),
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("segmentry.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": wording.count,
        "date": wording.date,
        "humanise": wording.humanise,
        "listed": wording.listed,
        "method": wording.method_text,
        "money": wording.money,
        "name": wording.clean,
        "printable": wording.printable,
        "quantity": wording.quantity,
        "reason": wording.reason_text,
        "returned": wording.returned,
        "score": wording.score,
        "sentence": wording.sentence,
        "share": wording.share,
        "times": wording.times,
    }
    environment.tests["blocking"] = wording.blocks
    environment.globals |= {
        "badge": _badge,
        "verdict_signs": _VERDICTS,
        "decisions": wording.DECISIONS,
        "tiers": _TIERS,
        "stable_mark": _STABLE,
        "has_example_costs": _has_example_costs,
        "cuts": _CUTS,
    }
    return environment


def _badge(segment: SegmentSummary) -> tuple[str, str, str]:
    """Look, sign and words that say at a glance what may be done."""
    if not segment.is_production_ready:
        return ("warn", "!", "Does not pass every check")
    viability = segment.viability
    # With costs of one's own it would be rejected: only the shipped examples say that nothing pays.
    if viability and viability.is_shipped_assumption and (viability.roi_high or 0) < 0:
        return ("warn", "!", "Passes the checks; example costs, enter yours")
    return _BADGES.get(viability.decision if viability else "pursue", _BADGES["test"])


def _has_example_costs(segments: Sequence[SegmentSummary]) -> bool:
    """Whether a return was reckoned by the shipped assumptions about campaigns."""
    return any(
        segment.viability is not None and segment.viability.is_shipped_assumption for segment in segments
    )


# ---- size against value ------------------------------------------------------------------------


@dataclass(frozen=True)
class _Strip:
    """One segment in the two strips: its share of customers and of value, from where and how wide, in %."""

    segment: SegmentSummary
    left: float
    width: float
    value_left: float
    value_width: float
    band: str


def _strips(segments: Sequence[SegmentSummary]) -> list[_Strip]:
    """Two strips of equal length, customers above and value below, joined segment by segment."""
    value = sum(float(segment.total_clv) for segment in segments)
    people = sum(segment.customer_count for segment in segments)
    if len(segments) < 2 or value <= 0:
        return []
    strips = []
    left = value_left = 0.0
    for segment in segments:
        width, value_width = 100 * segment.customer_count / people, 100 * float(segment.total_clv) / value
        right, value_right = left + width, value_left + value_width
        band = (
            f"M{left:.2f} 0C{left:.2f} 50 {value_left:.2f} 50 {value_left:.2f} 100"
            f"H{value_right:.2f}C{value_right:.2f} 50 {right:.2f} 50 {right:.2f} 0Z"
        )
        strips.append(
            _Strip(
                segment, round(left, 2), round(width, 2), round(value_left, 2), round(value_width, 2), band
            )
        )
        left, value_left = right, value_right
    return strips


# ---- what makes each different -------------------------------------------------------------------


@dataclass(frozen=True)
class _HeatCell:
    text: str
    number: float
    label: str
    mark: str
    tone: str


@dataclass(frozen=True)
class _HeatColumn:
    title: str
    unit: str
    is_mean: bool
    everybody: str
    cells: list[_HeatCell | None]


def _heat_columns(segments: Sequence[SegmentSummary]) -> list[str]:
    """Features, those that tell segments apart best first."""
    strongest: dict[str, float] = {}
    for segment in segments:
        for feature in segment.features:
            strongest[feature.feature] = max(strongest.get(feature.feature, 0.0), abs(feature.z_score))
    return sorted(strongest, key=lambda feature: (-strongest[feature], feature))


def _heat(segments: Sequence[SegmentSummary], features: Sequence[str], currency: str) -> list[_HeatColumn]:
    columns = []
    for name in features:
        found = [next((row for row in segment.features if row.feature == name), None) for segment in segments]
        rows = [row for row in found if row is not None]
        first = rows[0]
        numbers = [abs(row.median) for row in rows] + [abs(row.mean) for row in rows]
        digits = 0 if first.unit == "days" or max(numbers) >= 100 else 1 if max(numbers) >= 1 else 2
        is_mean = any(row.is_distinctive and _hides_difference(row, currency, digits) for row in rows)
        everybody = first.population_mean if is_mean else first.population_median
        columns.append(
            _HeatColumn(
                title=wording.feature_name(name),
                unit=wording.feature_unit(first.unit),
                is_mean=is_mean,
                everybody=wording.feature_value(everybody, first.unit, currency, digits),
                cells=[None if row is None else _heat_cell(row, is_mean, currency, digits) for row in found],
            )
        )
    return columns


def _hides_difference(row: FeatureComparison, currency: str, digits: int) -> bool:
    """Whether the median reads the same as everybody's although the segment differs (many zeros do that)."""
    mine, everybody = (
        wording.feature_value(value, row.unit, currency, digits)
        for value in (row.median, row.population_median)
    )
    return mine == everybody


def _heat_cell(row: FeatureComparison, is_mean: bool, currency: str, digits: int) -> _HeatCell:
    value = row.mean if is_mean else row.median
    label = row.label if row.is_distinctive else "average"
    return _HeatCell(
        text=wording.feature_value(value, row.unit, currency, digits),
        number=value,
        label="" if label == "average" else label,
        mark=_MARKS.get(label, ""),
        tone=_TONES.get(label, ""),
    )


# ---- who moved -----------------------------------------------------------------------------------

_FLOW_WIDTH, _FLOW_LEFT, _FLOW_RIGHT, _NODE_WIDTH = 760.0, 210.0, 550.0, 10.0
_NODE_GAP, _NODE_LEAST = 16.0, 34.0


@dataclass(frozen=True)
class _Node:
    segment_id: str
    name: str
    count: int
    top: float
    height: float


@dataclass(frozen=True)
class _Flow:
    segment_id: str
    is_move: bool
    path: str
    width: float


@dataclass(frozen=True)
class _Flows:
    height: float
    before: list[_Node]
    now: list[_Node]
    flows: list[_Flow]
    least: int


@dataclass(frozen=True)
class _Moves:
    moved: int
    all: int
    undecided: int
    largest: list[Migration]
    before: list[tuple[str, str]]
    table: dict[tuple[str, str], Migration]


def _moves(migrations: Sequence[Migration]) -> _Moves | None:
    """Figures of the section; None on a first run."""
    if not migrations:
        return None
    moves = [migration for migration in migrations if migration.is_move]
    before = {migration.from_segment_id: migration.from_segment_name for migration in migrations}
    return _Moves(
        moved=sum(migration.customer_count for migration in moves),
        all=sum(migration.customer_count for migration in migrations),
        undecided=sum(migration.boundary_count for migration in moves),
        largest=sorted(
            moves, key=lambda move: (-move.customer_count, move.from_segment_id, move.to_segment_id)
        )[:5],
        before=sorted(before.items(), key=lambda item: colour_places(before)[item[0]]),
        table={(migration.from_segment_id, migration.to_segment_id): migration for migration in migrations},
    )


def _flows(report: SegmentationReport) -> _Flows | None:
    """Picture of the moves: the previous run left, this one right, bands as wide as the groups."""
    migrations = report.migrations
    if not migrations:
        return None
    order = [segment.segment_id for segment in report.segments]
    order += sorted({migration.from_segment_id for migration in migrations} - set(order))
    total = sum(migration.customer_count for migration in migrations)
    number = max(len({m.from_segment_id for m in migrations}), len({m.to_segment_id for m in migrations}))
    scale = max(330.0, 46.0 * number) / total
    before = _nodes(
        order, [(m.from_segment_id, m.from_segment_name, m.customer_count) for m in migrations], scale
    )
    now = _nodes(order, [(m.to_segment_id, m.to_segment_name, m.customer_count) for m in migrations], scale)
    height = max(before[-1].top + before[-1].height, now[-1].top + now[-1].height)
    least = max(1, round(total * 0.004))
    tops = {node.segment_id: node.top for node in before}
    ends = {node.segment_id: node.top for node in now}
    flows = []
    for migration in sorted(
        migrations, key=lambda m: (order.index(m.from_segment_id), order.index(m.to_segment_id))
    ):
        width = migration.customer_count * scale
        start, end = tops[migration.from_segment_id], ends[migration.to_segment_id]
        tops[migration.from_segment_id] += width
        ends[migration.to_segment_id] += width
        if migration.customer_count < least:
            continue
        flows.append(
            _Flow(
                migration.from_segment_id,
                migration.is_move,
                _band(start + width / 2, end + width / 2),
                round(width, 1),
            )
        )
    # Moves are drawn last: they are what the picture is about.
    return _Flows(round(height, 1), before, now, sorted(flows, key=lambda flow: flow.is_move), least)


def _nodes(order: Sequence[str], parts: Sequence[tuple[str, str, int]], scale: float) -> list[_Node]:
    counts: dict[str, int] = {}
    names: dict[str, str] = {}
    for segment_id, name, number in parts:
        counts[segment_id] = counts.get(segment_id, 0) + number
        names[segment_id] = name
    nodes = []
    top = 0.0
    for segment_id in (known for known in order if known in counts):
        height = counts[segment_id] * scale
        nodes.append(
            _Node(segment_id, names[segment_id], counts[segment_id], round(top, 1), round(height, 1))
        )
        # Room for two lines of label, however thin the node.
        top += max(height, _NODE_LEAST) + _NODE_GAP
    return nodes


def _band(start: float, end: float) -> str:
    left, right = _FLOW_LEFT + _NODE_WIDTH, _FLOW_RIGHT
    middle = (left + right) / 2
    return f"M{left:g} {start:.1f}C{middle:g} {start:.1f} {middle:g} {end:.1f} {right:g} {end:.1f}"


# ---- can we trust it -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Mark:
    score: float
    position: float
    variant: str


@dataclass(frozen=True)
class _TrustRow:
    segment: SegmentSummary
    resampled: _Mark | None
    low: float | None
    high: float | None
    drop: _Mark | None
    window: _Mark | None
    dissolved: str
    reason: str | None


@dataclass(frozen=True)
class _Trust:
    lowest: float
    rows: list[_TrustRow]
    stable: int
    tested: int
    ticks: list[tuple[float, float]]
    stable_position: float
    pass_mark: float | None
    pass_position: float | None


def _trust(segments: Sequence[SegmentSummary]) -> _Trust:
    scores = [
        score
        for segment in segments
        for test in segment.robustness
        for score in (test.mean_score, test.q05)
        if score is not None and test.test in ("bootstrap", "feature_drop", "time_structure")
    ]
    lowest = min([0.4, *(int(score * 10) / 10 for score in scores)])

    def position(score: float) -> float:
        return round(100 * (score - lowest) / (1 - lowest), 1)

    def mark(test: RobustnessTest | None, segment: SegmentSummary) -> _Mark | None:
        if test is None or test.mean_score is None:
            return None
        return _Mark(test.mean_score, position(test.mean_score), _variant_text(test, segment))

    rows = []
    for segment in segments:
        resampled = _bootstrap(segment.robustness)
        has_range = resampled is not None and resampled.q05 is not None and resampled.q95 is not None
        rows.append(
            _TrustRow(
                segment=segment,
                resampled=mark(resampled, segment),
                low=position(resampled.q05)
                if has_range and resampled and resampled.q05 is not None
                else None,
                high=position(resampled.q95)
                if has_range and resampled and resampled.q95 is not None
                else None,
                drop=mark(_worst(segment.robustness, "feature_drop"), segment),
                window=mark(_worst(segment.robustness, "time_structure"), segment),
                dissolved=_dissolved(segment.robustness),
                reason=next((test.reason for test in segment.robustness if test.reason), None),
            )
        )
    pass_mark = next(
        (
            check.threshold
            for segment in segments
            for check in segment.checks
            if check.rule == "minimum_robustness"
        ),
        None,
    )
    first_tick = round(lowest * 10)
    ticks = [tenth / 10 for tenth in range(first_tick, 11) if (tenth - first_tick) % 2 == 0 or tenth == 10]
    return _Trust(
        lowest=lowest,
        rows=rows,
        stable=sum((segment.overall_robustness or 0) >= _STABLE for segment in segments),
        tested=sum(segment.overall_robustness is not None for segment in segments),
        ticks=[(tick, position(tick)) for tick in ticks],
        stable_position=position(_STABLE),
        pass_mark=pass_mark,
        pass_position=position(pass_mark) if pass_mark is not None and pass_mark >= lowest else None,
    )


def _bootstrap(tests: Sequence[RobustnessTest]) -> RobustnessTest | None:
    """Bootstrap that decides (fixed size); else any that ran."""
    ran = [test for test in tests if test.test == "bootstrap" and test.mean_score is not None]
    return next((test for test in ran if test.is_deciding), ran[0] if ran else None)


def _ran(tests: Sequence[RobustnessTest], name: str) -> list[RobustnessTest]:
    return [
        test
        for test in tests
        if test.test == name and test.variant != _ALL_VARIANTS and test.mean_score is not None
    ]


def _worst(tests: Sequence[RobustnessTest], name: str) -> RobustnessTest | None:
    return min(_ran(tests, name), key=lambda test: (test.mean_score or 0.0, test.variant), default=None)


def _dissolved(tests: Sequence[RobustnessTest]) -> str:
    """In how many periods the segment dissolved (Hennig 2007: Jaccard of .5 or less); empty where in none."""
    periods = _ran(tests, "time_structure")
    dissolved = sum((test.mean_score or 0.0) <= _DISSOLVED for test in periods)
    return f"half or less in {dissolved} of {len(periods)} periods" if dissolved else ""


def _variant_text(test: RobustnessTest, segment: SegmentSummary) -> str:
    """Block as the features in it, or the window as words."""
    if test.test != "feature_drop":
        return wording.humanise(test.variant)
    names = [
        wording.feature_name(row.feature).lower() for row in segment.features if row.block == test.variant
    ]
    return wording.listed(names) if 0 < len(names) <= 2 else wording.humanise(test.variant)


# ---- why this number of segments -----------------------------------------------------------------

_CURVE_WIDTH, _CURVE_TOP, _CURVE_BOTTOM = 330.0, 48.0, 122.0


@dataclass(frozen=True)
class _Point:
    k: int
    left: float
    top: float
    value: float
    is_marked: bool
    is_chosen: bool


@dataclass(frozen=True)
class _Curve:
    title: str
    note: str
    line: str
    points: list[_Point]


@dataclass(frozen=True)
class _Curves:
    chosen: ClusterChoice | None
    elbow: ClusterChoice | None
    separation: ClusterChoice | None
    curves: list[_Curve]


def _curves(choices: Sequence[ClusterChoice]) -> _Curves:
    def curve(title: str, note: str, values: list[tuple[ClusterChoice, float]], marked: str) -> _Curve:
        low, high = min(value for _, value in values), max(value for _, value in values)
        first, last = values[0][0].k, values[-1][0].k
        points = [
            _Point(
                k=choice.k,
                left=round(18 + (_CURVE_WIDTH - 36) * (choice.k - first) / max(last - first, 1), 1),
                top=round(
                    _CURVE_BOTTOM - (_CURVE_BOTTOM - _CURVE_TOP) * (value - low) / ((high - low) or 1), 1
                ),
                value=value,
                is_marked=bool(getattr(choice, marked)),
                is_chosen=choice.is_chosen,
            )
            for choice, value in values
        ]
        line = "M" + "L".join(f"{point.left:g} {point.top:g}" for point in points)
        return _Curve(title, note, line, points)

    inertia = [(choice, choice.inertia) for choice in choices if choice.inertia is not None]
    silhouette = [(choice, choice.silhouette) for choice in choices if choice.silhouette is not None]
    curves = []
    if len(inertia) > 1:
        curves.append(curve("Spread inside segments", "elbow", inertia, "is_elbow"))
    if len(silhouette) > 1:
        curves.append(curve("Separation between segments", "best", silhouette, "is_silhouette_best"))
    return _Curves(
        chosen=next((choice for choice in choices if choice.is_chosen), None),
        elbow=next((choice for choice in choices if choice.is_elbow), None),
        separation=next((choice for choice in choices if choice.is_silhouette_best), None),
        curves=curves,
    )


def _writing(segments: Sequence[SegmentSummary]) -> str:
    """Who wrote the texts, in a sentence; empty without segments."""
    texts = [segment.explanation for segment in segments if segment.explanation]
    if not texts:
        return ""
    pending = sum(text.status == "pending" for text in texts)
    if pending == len(texts):
        return "The texts are not written yet; what the tables say stands in their place."
    models = sorted({wording.clean(text.model) for text in texts if text.source == "llm" and text.model})
    written = (
        f"Texts by a language model ({wording.listed(models)}) that writes no numbers: "
        "they are filled in from the tables."
        if any(text.source == "llm" for text in texts)
        else "Texts from built-in templates, without a language model; every number comes from the tables."
    )
    fallback = sum(text.status == "fallback" for text in texts)
    if fallback:
        written += f" For {fallback} of {len(texts)} segments the template stands in for the model."
    if pending:
        written += f" {pending} of {len(texts)} texts are not written yet."
    return written
