"""The report of a run: one page for people, `report.json` for programs, charts for slides.

`generate_segmentation_report` does it all; the other names are its parts. Nothing here computes a result:
everything is read from the marts of a finished warehouse.
"""

from __future__ import annotations

from pathlib import Path

from segmentry.exceptions import ReportGenerationError
from segmentry.report.charts import (
    CHARTS,
    plot_actionability_by_segment,
    plot_cluster_selection,
    plot_robustness_heatmap,
    plot_robustness_scores,
    plot_segment_dashboard,
    plot_segment_distribution,
    plot_segment_features,
    plot_segment_sizes_pie,
    plot_viability_scores,
    save_chart,
)
from segmentry.report.data import Database, load_report
from segmentry.report.html import render_report
from segmentry.report.schema import SCHEMA_VERSION, SegmentationReport
from segmentry.report.summary import report_schema, report_to_json, segment_to_summary

__all__ = [
    "SCHEMA_VERSION",
    "SegmentationReport",
    "generate_segmentation_report",
    "load_report",
    "plot_actionability_by_segment",
    "plot_cluster_selection",
    "plot_robustness_heatmap",
    "plot_robustness_scores",
    "plot_segment_dashboard",
    "plot_segment_distribution",
    "plot_segment_features",
    "plot_segment_sizes_pie",
    "plot_viability_scores",
    "render_report",
    "report_schema",
    "report_to_json",
    "save_chart",
    "segment_to_summary",
]


def generate_segmentation_report(database: Database, output_dir: Path | str) -> SegmentationReport:
    """Write `report.html`, `report.json` and `charts/*.svg|png` from a finished warehouse.

    The same warehouse gives the same bytes; each file is replaced at once: no reader sees half of one.

    Parameters
    ----------
    database : Path, str or duckdb connection
        See `load_report`.
    output_dir : Path or str
        Folder to write to; made when it does not exist.

    Returns
    -------
    SegmentationReport
        What was written.

    Raises
    ------
    ReportGenerationError
        If the warehouse can't be reported (see `load_report`) or the folder can't be written.

    Examples
    --------
    >>> report = generate_segmentation_report("warehouse.duckdb", "output")  # doctest: +SKIP
    >>> report.headline  # doctest: +SKIP
    '15% of customers hold 71% of the expected value'
    """
    report = load_report(database)
    folder = Path(output_dir)
    try:
        (folder / "charts").mkdir(parents=True, exist_ok=True)
        _write(folder / "report.json", report_to_json(report))
        _write(folder / "report.html", render_report(report))
        for name, plot in CHARTS.items():
            figure = plot(report)
            for ending in ("svg", "png"):
                save_chart(figure, folder / "charts" / f"{name}.{ending}")
    except OSError as error:
        raise ReportGenerationError(
            f"The report can't be written to {folder}: {error.strerror or error}. "
            "Name a folder that may be written to, on a disk with some room."
        ) from error
    return report


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    temporary.replace(path)
