"""The report as text: JSON for programs, a few lines per segment for a console, a ticket or a mail."""

from __future__ import annotations

import json

from segmentry.exceptions import ReportGenerationError
from segmentry.report import wording
from segmentry.report.schema import FeatureComparison, SegmentationReport

__all__ = ["report_schema", "report_to_json", "segment_to_summary"]


def report_to_json(report: SegmentationReport) -> str:
    """Report as indented JSON with a final newline; the same report gives the same text.

    Amounts are numbers with at most two decimals. `SegmentationReport.model_validate_json` reads it back,
    `report_schema` describes it.
    """
    return f"{report.model_dump_json(indent=2)}\n"


def report_schema() -> str:
    """JSON Schema (draft 2020-12) of what `report_to_json` writes, as indented JSON with a final newline.

    Examples
    --------
    >>> import json
    >>> json.loads(report_schema())["properties"]["schema_version"]["const"]
    '1.3'
    """
    content = SegmentationReport.model_json_schema(mode="serialization")
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return f"{json.dumps(dialect | content, indent=2, ensure_ascii=False)}\n"


def segment_to_summary(report: SegmentationReport, segment_id: str) -> str:
    """Tell what a segment is and what to do with it in a few lines of plain text.

    Parameters
    ----------
    report : SegmentationReport
        See `load_report`.
    segment_id : str
        Id of the segment, such as `S1`.

    Returns
    -------
    str
        Lines without a final newline.

    Raises
    ------
    ReportGenerationError
        If the report has no such segment.

    Examples
    --------
    >>> print(segment_to_summary(report, "S1"))  # doctest: +SKIP
    S1 High-value loyalists: 600 customers (15%), €4.2m expected value (73%), €6,982 each
    Robustness: 0.86, highly stable; confidence high
    Differs by: order value €147 (much higher), discounts 10% (much lower)
    """
    segment = next((found for found in report.segments if found.segment_id == segment_id), None)
    if segment is None:
        known = ", ".join(found.segment_id for found in report.segments) or "none"
        raise ReportGenerationError(
            f"There is no segment {segment_id!r} in run {report.run.run_id}; its segments: {known}. "
            "Name one of these."
        )
    currency = report.run.reporting_currency
    lines = [
        f"{segment.segment_id} {wording.clean(segment.segment_name)}: "
        f"{wording.count(segment.customer_count)} customers ({wording.share(segment.customer_share)}), "
        f"{wording.money(segment.total_clv, currency)} expected value "
        f"({wording.share(segment.clv_share)}), {wording.money(segment.average_clv, currency)} each"
    ]
    if segment.overall_robustness is None:
        lines.append("Robustness: not tested")
    else:
        lines.append(
            f"Robustness: {wording.score(segment.overall_robustness)}, {segment.verdict}; "
            f"confidence {segment.confidence_level}"
        )
    different = sorted(
        (feature for feature in segment.features if feature.is_distinctive),
        key=lambda feature: (-abs(feature.z_score), feature.feature),
    )[:4]
    if different:
        lines.append(f"Differs by: {', '.join(_difference(feature, currency) for feature in different)}")
    found = [
        f"{action.dimension}: {wording.clean(action.candidate)}"
        for action in segment.actions
        if action.candidate is not None and action.is_actionable
    ]
    lines.append(f"Stands out: {', '.join(found) if found else 'nothing to act on'}")
    if segment.explanation is not None and segment.explanation.campaign_recommendation:
        lines.append(f"Next step: {wording.printable(segment.explanation.campaign_recommendation)}")
    if segment.viability is not None:
        decision = segment.viability.decision
        lines.append(f"Campaign: {wording.DECISIONS.get(decision, wording.humanise(decision))}")
    reasons = [wording.printable(check.reason) for check in segment.checks if wording.blocks(check)]
    if segment.is_production_ready:
        lines.append("Checks: passed")
    else:
        lines.append(
            f"Checks: not passed ({'; '.join(reasons) or 'nothing stands out, or a test is missing'})"
        )
    return "\n".join(lines)


def _difference(feature: FeatureComparison, currency: str) -> str:
    digits = 0 if feature.unit == "days" else 1
    value = wording.feature_value(feature.median, feature.unit, currency, digits)
    unit = wording.feature_unit(feature.unit)
    name = wording.feature_name(feature.feature).lower()
    return f"{name} {value}{f' {unit}' if unit else ''} ({feature.label})"
