"""Charts of the report as matplotlib figures: for slides, notebooks and people who ask for a pie.

One style for all: the page's colours, no frames, numbers on the marks. Every function takes a
`SegmentationReport` and returns a `matplotlib.figure.Figure` that belongs to no window and no pyplot state;
save it with `save_chart` for files that are the same byte by byte every time.
"""

from __future__ import annotations

import io
import textwrap
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from segmentry.report import wording
from segmentry.report.palette import LIGHT, colour_places, text_on
from segmentry.report.schema import SegmentationReport, SegmentSummary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BAR",
    "CHARTS",
    "plot_actionability_by_segment",
    "plot_cluster_selection",
    "plot_robustness_heatmap",
    "plot_robustness_scores",
    "plot_segment_dashboard",
    "plot_segment_distribution",
    "plot_segment_features",
    "plot_segment_sizes_pie",
    "plot_viability_scores",
    "report_style",
    "save_chart",
]

Plot: TypeAlias = "Callable[[SegmentationReport], Figure]"

# Of marks that stand for no segment.
BAR = "#9a9ea7"
_INK, _SOFT, _LINE, _FAINT = "#16181d", "#585d68", "#dfdcd5", "#eceae5"
_WIDTH = 10.0
_STYLE: Any = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _SOFT,
    "axes.labelsize": 13,
    "axes.titlesize": 17,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 14,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 13.5,
    "text.color": _INK,
    "xtick.color": _SOFT,
    "ytick.color": _INK,
    "xtick.labelsize": 13,
    "ytick.labelsize": 14,
    "ytick.major.size": 0,
    "xtick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 13,
    # Names come from data: "$" must not start a formula.
    "text.parse_math": False,
    "svg.hashsalt": "segmentry",
    "svg.fonttype": "path",
    "savefig.facecolor": "white",
}
_CUTS = ((0.60, "doubtful"), (0.75, "stable"), (0.85, "highly stable"))
_TESTS = {
    "bootstrap": "drawn again",
    "feature_drop": "without",
    "time_structure": "window:",
    "time_migration": "stayed:",
    "seed": "other seed",
}
_TEST_LABELS = {
    ("bootstrap", "fixed_m"): "drawn again, fixed size",
    ("bootstrap", "full_n"): "drawn again, full size",
    ("feature_drop", "all"): "without a block, mean",
    ("time_structure", "all"): "windows, mean",
    ("time_migration", "all"): "stayed, mean",
    ("seed", "single_start"): "other seed",
}
_DIMENSIONS = ("what", "when", "how", "who")
_SCORES = {
    "targetability_score": "Can be\ntargeted",
    "sales_priority_score": "Sales\npriority",
    "personalisation_score": "Personal\noffer",
    "timing_score": "Timing",
    "retention_impact_score": "Retention",
    "satisfaction_impact_score": "Satisfaction",
}


def _styled(plot: Plot) -> Plot:
    """Draw inside the style of the report, whatever the caller's own style is."""

    @wraps(plot)
    def styled(report: SegmentationReport) -> Figure:
        with report_style():
            return plot(report)

    return styled


@contextmanager
def report_style() -> Iterator[None]:
    """Draw in the style of the report, and leave the caller's own style as it was."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


# ---- the charts ----------------------------------------------------------------------------------


@_styled
def plot_segment_distribution(report: SegmentationReport) -> Figure:
    """Share of customers beside share of expected value, per segment."""
    figure, axes = _figure(report, rows=len(report.segments), row_height=0.72)
    if axes is not None:
        _draw_distribution(axes, report)
        axes.set_title("Size and expected value of each segment")
    return figure


@_styled
def plot_segment_sizes_pie(report: SegmentationReport) -> Figure:
    """Share of customers as a ring; bars compare better, see `plot_segment_distribution`."""
    figure, axes = _figure(report, rows=9, row_height=0.6)
    if axes is None:
        return figure
    colours = _colours(report)
    segments = report.segments
    wedges, _ = axes.pie(
        [segment.customer_count for segment in segments],
        colors=[colours[segment.segment_id] for segment in segments],
        startangle=90,
        counterclock=False,
        radius=1.25,
        wedgeprops={"width": 0.5, "edgecolor": "white", "linewidth": 2},
    )
    axes.text(
        0,
        0,
        f"{wording.count(report.totals.segmented_count)}\ncustomers",
        ha="center",
        va="center",
        fontsize=16,
    )
    axes.legend(
        wedges,
        [f"{wording.share(segment.customer_share)}  {_label(segment, 30)}" for segment in segments],
        loc="center left",
        bbox_to_anchor=(1.12, 0.5),
        fontsize=12.5 if len(segments) > 8 else 14,
        labelspacing=0.75,
    )
    axes.set_title("Customers by segment")
    return figure


@_styled
def plot_robustness_scores(report: SegmentationReport) -> Figure:
    """Overall robustness per segment, with the verdict's cuts."""
    figure, axes = _figure(report, rows=len(report.segments), row_height=0.62)
    if axes is not None:
        _draw_robustness(axes, report)
        axes.set_title("How much of each segment comes back", pad=30)
    return figure


@_styled
def plot_robustness_heatmap(report: SegmentationReport) -> Figure:
    """Every robustness test and variant per segment; empty cells could not run."""
    tests = _test_rows(report.segments)
    number = len(report.segments)
    figure, axes = _figure(
        report,
        rows=len(tests),
        row_height=0.42,
        width=max(_WIDTH, 3.4 + (1.5 if number <= 6 else 0.8) * number),
        extra=2.25 + (number > 6),
    )
    if axes is None or not tests:
        return figure
    found = [
        {(test.test, test.variant): test.mean_score for test in segment.robustness}
        for segment in report.segments
    ]
    scores = [[segment.get(test) for segment in found] for test in tests]
    labels = [["none" if score is None else wording.score(score) for score in row] for row in scores]
    _heatmap(axes, scores, labels, _low_is_warm(), 0.4, 1.0)
    axes.set_yticks(
        [place + 0.5 for place in range(len(tests))], [_test_label(test) for test in tests], rotation=0
    )
    names = [
        _label(segment, 24) if number > 6 else f"{segment.segment_id}\n{_wrapped(segment.segment_name, 14)}"
        for segment in report.segments
    ]
    axes.set_xticks([place + 0.5 for place in range(number)], names)
    axes.xaxis.tick_top()
    axes.tick_params(axis="x", labelcolor=_INK)
    if number > 6:
        axes.set_xticks(axes.get_xticks(), names, rotation=45, ha="left", rotation_mode="anchor")
    axes.set_title("How much comes back, test by test")
    return figure


@_styled
def plot_actionability_by_segment(report: SegmentationReport) -> Figure:
    """Show the best candidate for what, when, how and who, and how far it stands out."""
    figure, axes = _figure(report, rows=len(report.segments), row_height=0.72)
    if axes is not None:
        _draw_actionability(axes, report)
        axes.set_title("What stands out, and how many times the average")
    return figure


@_styled
def plot_viability_scores(report: SegmentationReport) -> Figure:
    """Scores of each segment, 0 to 1, and the range of what a campaign brings back."""
    figure, axes = _figure(report, rows=2 * len(report.segments), row_height=0.62, extra=3.4, panels=(2, 1))
    if axes is None:
        return figure
    scores, returns = figure.axes
    _draw_scores(scores, report)
    scores.set_title("Viability scores, 0 to 1")
    _draw_returns(returns, report, ids_only=False)
    returns.set_title(f"Back per {_unit_of_money(report)} spent, low to high")
    return figure


@_styled
def plot_cluster_selection(report: SegmentationReport) -> Figure:
    """Spread inside segments (elbow) and separation between them (silhouette) by number of segments."""
    figure, axes = _figure(report, rows=6, row_height=0.6, panels=(1, 2), needs_segments=False)
    if axes is None:
        return figure
    left, right = figure.axes
    _draw_curve(left, report, "inertia", "is_elbow", "elbow")
    left.set_title("Spread inside (elbow)")
    _draw_curve(right, report, "silhouette", "is_silhouette_best", "best")
    right.set_title("Separation (silhouette)")
    return figure


@_styled
def plot_segment_features(report: SegmentationReport) -> Figure:
    """Typical value of every feature per segment, coloured by distance from all customers."""
    names = _feature_columns(report.segments)
    figure, axes = _figure(
        report,
        rows=len(report.segments),
        row_height=0.66,
        width=max(_WIDTH, 3.2 + 1.25 * len(names)),
        extra=1.9,
    )
    if axes is not None and names:
        _draw_features(axes, report, names)
        axes.set_title("Typical values, coloured where a segment differs")
    return figure


@_styled
def plot_segment_dashboard(report: SegmentationReport) -> Figure:
    """Put size and value, robustness, what stands out and returns on one sheet."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if not report.segments:
        return _empty(report)
    height = 5.2 + 1.05 * len(report.segments)
    figure = Figure(figsize=(17, height), layout=ConstrainedLayoutEngine(w_pad=0.25, h_pad=0.2))
    (size, robustness), (actions, returns) = figure.subplots(2, 2, width_ratios=(1.2, 1))
    _draw_distribution(size, report)
    size.set_title("Size and expected value")
    _draw_robustness(robustness, report, ids_only=True)
    robustness.set_title("How much of each segment comes back", pad=30)
    _draw_actionability(actions, report)
    actions.set_title("What stands out")
    _draw_returns(returns, report, ids_only=True)
    returns.set_title(f"Back per {_unit_of_money(report)} spent, low to high")
    figure.suptitle(_printable(report.headline), x=0.01, ha="left", fontsize=22, fontweight="bold")
    return figure


CHARTS: dict[str, Plot] = {
    "segment_distribution": plot_segment_distribution,
    "segment_sizes_pie": plot_segment_sizes_pie,
    "robustness_scores": plot_robustness_scores,
    "robustness_heatmap": plot_robustness_heatmap,
    "actionability_by_segment": plot_actionability_by_segment,
    "viability_scores": plot_viability_scores,
    "cluster_selection": plot_cluster_selection,
    "segment_features": plot_segment_features,
    "segment_dashboard": plot_segment_dashboard,
}


def save_chart(figure: Figure, path: Path, dpi: int = 150) -> None:
    """Write a figure as SVG or PNG, by the path's ending; the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What one of the plots returned.
    path : Path
        File to write, replaced at once when it exists.
    dpi : int
        Pixels per inch of a PNG.
    """
    kind = path.suffix.lstrip(".")
    # The clock and the library's version would make every file different.
    metadata = {"svg": {"Date": None, "Creator": "Segmentry"}, "png": {"Software": "Segmentry"}}.get(kind, {})
    buffer = io.BytesIO()
    with report_style():
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(buffer.getvalue())
    temporary.replace(path)


# ---- panels --------------------------------------------------------------------------------------


def _draw_distribution(axes: Axes, report: SegmentationReport) -> None:
    colours = _colours(report)
    longest = max(max(segment.customer_share, segment.clv_share or 0) for segment in report.segments)
    for row, segment in enumerate(report.segments):
        people = f"{wording.count(segment.customer_count)} customers"
        value = f"{_money(segment.total_clv, report)} expected"
        _bar(axes, row - 0.2, segment.customer_share, BAR, people)
        _bar(axes, row + 0.2, segment.clv_share, colours[segment.segment_id], value)
    axes.set_xlim(0, longest * 1.55)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    _name_rows(axes, report, range(len(report.segments)))
    axes.set_ylim(len(report.segments) - 0.4, -0.6)


def _bar(axes: Axes, place: float, fraction: float | None, colour: str, text: str) -> None:
    """One bar with its share in bold and the amount behind it beside."""
    length, label = fraction or 0.0, wording.share(fraction)
    axes.barh(place, length, height=0.36, color=colour)
    for offset, words, look in (
        (6, label, {"fontweight": "bold"}),
        (14 + 10 * len(label), text, {"color": _SOFT, "fontsize": 12.5}),
    ):
        axes.annotate(
            words, (length, place), xytext=(offset, 0), textcoords="offset points", va="center", **look
        )


def _draw_robustness(axes: Axes, report: SegmentationReport, ids_only: bool = False) -> None:
    colours = _colours(report)
    for cut, word in _CUTS:
        axes.axvline(cut, color=_SOFT, linewidth=1.2, linestyle=(0, (4, 3)), zorder=0)
        axes.text(cut + 0.006, -0.72, word, fontsize=12, color=_SOFT, va="bottom")
    for row, segment in enumerate(report.segments):
        score = segment.overall_robustness
        if score is None:
            axes.text(0.012, row, "not tested", va="center", color=_SOFT, fontsize=12)
            continue
        axes.barh(row, score, height=0.56, color=colours[segment.segment_id])
        axes.text(
            0.012, row, f"{wording.score(score)}  {_printable(segment.verdict or '')}", va="center",
            fontsize=14, fontweight="bold", color=text_on(colours[segment.segment_id]),
        )  # fmt: skip
    axes.set_xlim(0, 1.06)
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1], ["0", "0.2", "0.4", "0.6", "0.8", "1"])
    axes.set_xlabel("score of the weakest kind of test (Jaccard, 0 to 1)")
    _name_rows(axes, report, range(len(report.segments)), ids_only)
    axes.set_ylim(len(report.segments) - 0.4, -0.75)


def _draw_actionability(axes: Axes, report: SegmentationReport) -> None:
    cells: list[list[float | None]] = []
    labels: list[list[str]] = []
    for segment in report.segments:
        actions = {action.dimension: action for action in segment.actions}
        cells.append([actions[name].strength if name in actions else None for name in _DIMENSIONS])
        labels.append(
            [
                "nothing"
                if name not in actions or actions[name].candidate is None
                else _wrapped(actions[name].candidate or "", 17)
                + (
                    f"\n{wording.times(actions[name].lift or 0)}"
                    if actions[name].is_actionable
                    else "\nnot distinct"
                )
                for name in _DIMENSIONS
            ]
        )
    _heatmap(axes, cells, labels, _blues(), 0.0, 1.0)
    axes.set_xticks([place + 0.5 for place in range(4)], [name.capitalize() for name in _DIMENSIONS])
    axes.xaxis.tick_top()
    axes.tick_params(axis="x", labelsize=13)
    _name_rows(axes, report, [place + 0.5 for place in range(len(report.segments))])


def _draw_scores(axes: Axes, report: SegmentationReport) -> None:
    cells = [
        [getattr(segment.viability, name) if segment.viability else None for name in _SCORES]
        for segment in report.segments
    ]
    _heatmap(
        axes,
        cells,
        [["none" if v is None else wording.score(v) for v in row] for row in cells],
        _blues(),
        0.0,
        1.0,
    )
    axes.set_xticks([place + 0.5 for place in range(len(_SCORES))], list(_SCORES.values()))
    axes.xaxis.tick_top()
    axes.tick_params(axis="x", labelsize=12)
    _name_rows(axes, report, [place + 0.5 for place in range(len(report.segments))])


def _draw_returns(axes: Axes, report: SegmentationReport, ids_only: bool = True) -> None:
    colours = _colours(report)
    lowest, highest = 0.0, 1.0
    for row, segment in enumerate(report.segments):
        viability = segment.viability
        if viability is None or viability.roi_base is None:
            axes.text(
                0.02,
                row,
                "not estimated",
                va="center",
                color=_SOFT,
                fontsize=12,
                transform=axes.get_yaxis_transform(),
            )
            continue
        low, base, high = (
            1 + (viability.roi_base if roi is None else roi)
            for roi in (viability.roi_low, viability.roi_base, viability.roi_high)
        )
        lowest, highest = min(lowest, low), max(highest, high)
        axes.plot(
            [low, high],
            [row, row],
            color=colours[segment.segment_id],
            linewidth=7,
            alpha=0.35,
            solid_capstyle="round",
        )
        axes.plot(base, row, "o", color=colours[segment.segment_id], markersize=12)
        axes.annotate(
            _money(base, report), (base, row), xytext=(0, 10), textcoords="offset points", ha="center",
            fontsize=13, fontweight="bold",
        )  # fmt: skip
    axes.axvline(1, color=_SOFT, linewidth=1.2, linestyle=(0, (4, 3)), zorder=0)
    axes.annotate(
        "pays for itself", (1, 0), xytext=(4, 4), xycoords=("data", "axes fraction"),
        textcoords="offset points", fontsize=12, color=_SOFT,
    )  # fmt: skip
    axes.set_xlim(lowest, highest * 1.08)
    axes.xaxis.set_major_formatter(lambda value, _: _money(value, report).replace(".00", ""))
    _name_rows(axes, report, range(len(report.segments)), ids_only)
    axes.set_ylim(len(report.segments) - 0.35, -0.7)


def _draw_curve(axes: Axes, report: SegmentationReport, value: str, marked: str, note: str) -> None:
    choices = [choice for choice in report.cluster_selection if getattr(choice, value) is not None]
    if not choices:
        axes.text(0.5, 0.5, "not computed", ha="center", va="center", color=_SOFT, transform=axes.transAxes)
        axes.set_xticks([])
        axes.set_yticks([])
        return
    axes.plot(
        [choice.k for choice in choices], [getattr(choice, value) for choice in choices], "o-", color=BAR,
        markersize=7, linewidth=2, markerfacecolor="white", markeredgewidth=2,
    )  # fmt: skip
    for choice in choices:
        words = ["chosen"] * choice.is_chosen + [note] * bool(getattr(choice, marked))
        if choice.is_chosen:
            axes.plot(choice.k, getattr(choice, value), "o", color=LIGHT[0], markersize=12)
        if words:
            axes.annotate(
                ", ".join(words), (choice.k, getattr(choice, value)), xytext=(6, 10),
                textcoords="offset points", fontsize=13.5, fontweight="bold",
            )  # fmt: skip
    axes.set_xticks([choice.k for choice in choices])
    axes.set_xlabel("number of segments")
    axes.margins(x=0.12, y=0.18)
    axes.tick_params(axis="y", labelsize=12, labelcolor=_SOFT)
    axes.grid(axis="y", color=_FAINT)


def _draw_features(axes: Axes, report: SegmentationReport, names: Sequence[str]) -> None:
    cells: list[list[float | None]] = []
    labels: list[list[str]] = []
    titles = {}
    currency = report.run.reporting_currency
    for segment in report.segments:
        rows = {row.feature: row for row in segment.features}
        # Only what differs is coloured: noise must not look like a finding.
        cells.append(
            [
                (rows[name].z_score if rows[name].is_distinctive else 0.0) if name in rows else None
                for name in names
            ]
        )
        labels.append([])
        for name in names:
            if name not in rows:
                labels[-1].append("none")
                continue
            row = rows[name]
            digits = 0 if row.unit == "days" or abs(row.median) >= 100 else 1
            text = _printable(wording.feature_value(row.median, row.unit, currency, digits))
            labels[-1].append(f"{text}\n{row.label}" if row.is_distinctive else text)
            unit = wording.feature_unit(row.unit)
            titles[name] = _wrapped(f"{wording.feature_name(name)} {unit}".strip(), 13)
    _heatmap(axes, cells, labels, _diverging(), -1.8, 1.8)
    axes.set_xticks([place + 0.5 for place in range(len(names))], [titles[name] for name in names])
    axes.xaxis.tick_top()
    axes.tick_params(axis="x", labelsize=12.5)
    _name_rows(axes, report, [place + 0.5 for place in range(len(report.segments))])


# ---- what they share -----------------------------------------------------------------------------


def _figure(
    report: SegmentationReport,
    *,
    rows: int,
    row_height: float,
    width: float = _WIDTH,
    extra: float = 1.6,
    panels: tuple[int, int] = (1, 1),
    needs_segments: bool = True,
) -> tuple[Figure, Axes | None]:
    """Figure as high as its rows need, with its first axes; without axes when there is nothing to draw."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if (needs_segments and not report.segments) or (not needs_segments and not report.cluster_selection):
        return _empty(report), None
    height = max(2.6, extra + row_height * rows)
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.12))
    axes = figure.subplots(*panels, squeeze=False)
    return figure, axes[0][0]


def _empty(report: SegmentationReport) -> Figure:
    """Figure that says why there is nothing to see."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, 2.6))
    figure.text(0.05, 0.62, _printable(report.headline), fontsize=17, fontweight="bold")
    figure.text(0.05, 0.36, _printable(wording.sentence(report.run.status_reason)), fontsize=13, color=_SOFT)
    return figure


def _heatmap(
    axes: Axes,
    cells: Sequence[Sequence[float | None]],
    labels: Sequence[Sequence[str]],
    colours: Any,
    low: float,
    high: float,
) -> None:
    """Grid of coloured cells with their text; a cell without a value is white."""
    import numpy as np
    import seaborn

    values = np.array([[np.nan if cell is None else cell for cell in row] for row in cells], dtype=float)
    seaborn.heatmap(
        values, mask=np.isnan(values), ax=axes, cmap=colours, vmin=low, vmax=high, cbar=False, linewidths=3,
        linecolor="white", xticklabels=False, yticklabels=False,
    )  # fmt: skip
    for row, texts in enumerate(labels):
        for column, text in enumerate(texts):
            value = values[row, column]
            fill = (
                (1.0, 1.0, 1.0)
                if np.isnan(value)
                else colours(float(np.clip((value - low) / (high - low), 0, 1)))
            )
            background = "#" + "".join(f"{round(channel * 255):02x}" for channel in fill[:3])
            size = 12 if max(len(line) for line in text.split("\n")) > 11 else 13
            axes.text(
                column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=size, linespacing=1.25,
                color=text_on(background),
            )  # fmt: skip
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _name_rows(
    axes: Axes, report: SegmentationReport, places: Sequence[float], ids_only: bool = False
) -> None:
    names = [
        _printable(segment.segment_id)
        if ids_only
        else _wrapped(f"{segment.segment_id}  {segment.segment_name}", 26)
        for segment in report.segments
    ]
    axes.set_yticks(list(places), names, rotation=0)
    axes.tick_params(axis="y", labelsize=14, labelcolor=_INK)


def _colours(report: SegmentationReport) -> dict[str, str]:
    # The page counts segments of the previous run too, so that both show the same colours.
    ids = [segment.segment_id for segment in report.segments]
    ids += [migration.from_segment_id for migration in report.migrations]
    return {segment_id: LIGHT[place] for segment_id, place in colour_places(ids).items()}


def _label(segment: SegmentSummary, width: int) -> str:
    return textwrap.shorten(
        f"{segment.segment_id}  {_printable(segment.segment_name)}", width + 6, placeholder="…"
    )


def _wrapped(text: str, width: int) -> str:
    """At most two lines; the rest is cut."""
    lines = textwrap.wrap(_printable(text), width)
    return (
        "\n".join([lines[0], textwrap.shorten(" ".join(lines[1:]), width, placeholder="…")])
        if len(lines) > 1
        else ("".join(lines))
    )


def _printable(text: str) -> str:
    """Text that the chart's font can draw: a letter that it lacks becomes a box instead of a warning."""
    known = _drawable()
    return "".join(
        character if ord(character) in known else "" if unicodedata.category(character) == "Cf" else "□"
        for character in wording.clean(text)
    )


@lru_cache(maxsize=1)
def _drawable() -> frozenset[int]:
    """Characters of DejaVu Sans, which comes with matplotlib."""
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def _money(amount: Any, report: SegmentationReport) -> str:
    return _printable(wording.money(amount, report.run.reporting_currency))


def _unit_of_money(report: SegmentationReport) -> str:
    return _money(1, report).replace(".00", "")


def _test_rows(segments: Sequence[SegmentSummary]) -> list[tuple[str, str]]:
    """List tests and variants in the order of the report, the deciding one first within a test."""
    found = {
        (test.test, test.variant): test.is_deciding for segment in segments for test in segment.robustness
    }
    order = list(_TESTS)
    return sorted(
        found,
        key=lambda test: (
            order.index(test[0]) if test[0] in order else len(order),
            test[0],
            not found[test],
            test[1],
        ),
    )


def _test_label(test: tuple[str, str]) -> str:
    if test in _TEST_LABELS:
        return _TEST_LABELS[test]
    name, variant = test
    return textwrap.shorten(
        f"{_TESTS.get(name, wording.humanise(name))} {wording.humanise(variant)}", 30, placeholder="…"
    )


def _feature_columns(segments: Sequence[SegmentSummary]) -> list[str]:
    strongest: dict[str, float] = {}
    for segment in segments:
        for row in segment.features:
            strongest[row.feature] = max(strongest.get(row.feature, 0.0), abs(row.z_score))
    return sorted(strongest, key=lambda name: (-strongest[name], name))


def _blues() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("segmentry_blues", ["#f3f4f6", "#bcd2ef", "#3a6ed6", "#1b3f8f"])


def _low_is_warm() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    # Low scores are what to see: warm and dark below the cuts, pale above.
    return LinearSegmentedColormap.from_list(
        "segmentry_scores", ["#8f2f08", "#e08a4a", "#f8dcc0", "#e4ecf7", "#7ea6e0"]
    )


def _diverging() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(
        "segmentry_features", ["#4a86cf", "#b9d3f0", "#f8f7f4", "#f7cda2", "#d98532"]
    )
