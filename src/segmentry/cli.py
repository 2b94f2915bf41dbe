"""The command `segmentry`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentry import __version__
from segmentry.exceptions import ConfigurationError, SegmentationEngineError

if TYPE_CHECKING:
    from segmentry.pipeline import BuildOutcome
    from segmentry.report import SegmentationReport

__all__ = ["closing_lines", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments
        Words after the command; those of the process when left out.

    Returns
    -------
    int
        0 when all went well, 1 after an error that a message explains, 2 for a wrong command line.

    Examples
    --------
    >>> main(["run", "--events", "nowhere.csv", "--output", "."])
    1
    """
    options = _parser().parse_args(arguments)
    try:
        options.handler(options)
    except SegmentationEngineError as error:
        if options.debug:
            raise
        _say(options, str(error), level="error")
        return 1
    except KeyboardInterrupt:
        _say(options, "stopped", level="error")
        return 130
    return 0


def _say(options: argparse.Namespace, message: str, level: str = "info") -> None:
    """Say something beside the result: on the error stream, as text or as one line of JSON."""
    if getattr(options, "log_format", "text") == "json":
        message = _json_line(message, level)
    else:
        message = f"segmentry: {message}"
    print(message, file=sys.stderr, flush=True)


def _json_line(message: str, level: str = "info") -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({"time": now, "level": level, "message": message})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="segmentry", description="Customer segments that you can defend.")
    parser.add_argument("--version", action="version", version=f"segmentry {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run",
        help="build segments from files",
        description="Build segments, their tests and the report from files of events and, if any, id merges.",
    )
    run.add_argument(
        "--events", type=Path, required=True, metavar="FILE", help="Parquet or CSV, one row per event"
    )
    run.add_argument(
        "--id-history", type=Path, metavar="FILE", help="Parquet or CSV: old_id, new_id, merged_at"
    )
    run.add_argument(
        "--erasures", type=Path, metavar="FILE", help="Parquet or CSV: customer_id of each customer to erase"
    )
    run.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the result goes")
    run.add_argument(
        "--as-of",
        metavar="DATE",
        help="only events before this day count; default: the day after the latest event",
    )
    _add_build_options(run)
    run.set_defaults(handler=_run)
    demo = commands.add_parser(
        "demo",
        help="build segments from the shipped demo",
        description="Build segments, their tests and the report from 1,000 invented customers.",
    )
    demo.add_argument(
        "--output",
        type=Path,
        default=Path("segmentry_demo"),
        metavar="DIR",
        help="where the result goes (default: segmentry_demo)",
    )
    _add_build_options(demo)
    demo.set_defaults(handler=_demo)
    explain = commands.add_parser(
        "explain-merge",
        help="say why an id is the customer that it is",
        description="Show the merges from an id to its customer with their times, or why there are none.",
    )
    explain.add_argument("id", metavar="ID", help="an id as your tables have it")
    _add_database(explain)
    explain.add_argument("--vars", metavar="YAML", default="{}", help="vars that the build was made with")
    explain.set_defaults(handler=_explain_merge)
    settings = commands.add_parser(
        "settings",
        help="list the settings",
        description="List every var of the project with its default and meaning, or those that a word is in.",
    )
    settings.add_argument("word", nargs="?", default="", metavar="WORD", help="part of a name or meaning")
    settings.set_defaults(handler=_settings)
    texts = commands.add_parser(
        "explain",
        help="write the explanations that are missing",
        description="Write the explanations that are missing in a warehouse that dbt has built, and "
        "publish them. On DuckDB a build does so by itself.",
    )
    texts.add_argument("--target", metavar="NAME", help="target of profiles.yml; default: the profile's own")
    texts.add_argument(
        "--dry-run", action="store_true", help="say what would be asked and what the first calls may cost"
    )
    texts.add_argument("--only-failed", action="store_true", help="ask again for failures, and nothing new")
    texts.add_argument("--provider", choices=["template", "openai"], help="who writes")
    texts.add_argument("--max-cost", type=float, metavar="AMOUNT", help="in the currency of the price table")
    texts.add_argument("--concurrency", type=int, metavar="N", help="segments asked about at the same time")
    texts.add_argument("--vars", metavar="YAML", default="{}", help="vars that the build was made with")
    texts.set_defaults(handler=_explain)
    backtest = commands.add_parser(
        "backtest",
        help="compare the methods of value and churn on your own history",
        description="Hold out the last part of the history, estimate value and churn as of its first day "
        "by each method, and compare with what customers then did.",
    )
    backtest.add_argument("--events", type=Path, required=True, metavar="FILE", help="as for run")
    backtest.add_argument("--id-history", type=Path, metavar="FILE", help="as for run")
    backtest.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the tables go")
    backtest.add_argument(
        "--holdout-days",
        type=int,
        metavar="DAYS",
        help="days to hold out; default: the churn horizon, at most a third of the history",
    )
    backtest.add_argument("--vars", metavar="YAML", default="{}", help="vars of the dbt project")
    backtest.add_argument("--quiet", action="store_true", help="no progress")
    backtest.set_defaults(handler=_backtest)
    page = commands.add_parser(
        "report",
        help="write the report of a finished build",
        description="Write report.html, report.json and charts from a DuckDB file that dbt has built. "
        "`run` does so by itself.",
    )
    _add_database(page)
    page.add_argument("--output", type=Path, default=Path("output"), metavar="DIR", help="default: output")
    page.set_defaults(handler=_report)
    publication = commands.add_parser(
        "publish",
        help="copy the result to where BI tools read it",
        description="Copy the marts of a finished build to a read copy and to Parquet, and replace the "
        "earlier copy in one step.",
    )
    _add_database(publication)
    publication.add_argument(
        "--output", type=Path, default=Path("published"), metavar="DIR", help="default: published"
    )
    publication.add_argument(
        "--csv", nargs="*", metavar="TABLE", help="as CSV for spreadsheets too: these tables, or all"
    )
    publication.set_defaults(handler=_publish)
    compaction = commands.add_parser(
        "compact",
        help="write the DuckDB file anew, without what was deleted",
        description="Write the DuckDB file of a build anew and replace it in one step: it keeps the bytes "
        "of deleted rows until then.",
    )
    _add_database(compaction)
    compaction.set_defaults(handler=_compact)
    for command in commands.choices.values():
        command.add_argument("--debug", action="store_true", help="show where an error comes from")
    return parser


def _add_database(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--database",
        type=Path,
        default=Path("warehouse.duckdb"),
        metavar="FILE",
        help="DuckDB file of a build (default: warehouse.duckdb)",
    )


def _add_build_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--vars", metavar="YAML", default="{}", help="vars of the dbt project, such as '{segmentry_k: 4}'"
    )
    command.add_argument("--quiet", action="store_true", help="no progress")
    command.add_argument(
        "--log-format", choices=["text", "json"], default="text", help="json: every line is a JSON object"
    )


def _run(options: argparse.Namespace) -> None:
    # Building and drawing import much; `--help` and a wrong command line do not wait for it.
    from segmentry.pipeline import build_from_files

    variables = _variables(options.vars)
    if options.as_of:
        variables["segmentry_as_of"] = options.as_of
    _build_and_report(
        options,
        lambda say: build_from_files(
            options.events,
            options.id_history,
            options.output,
            variables=variables,
            erasures=options.erasures,
            on_progress=say,
        ),
    )


def _demo(options: argparse.Namespace) -> None:
    from segmentry.pipeline import build_demo

    variables = _variables(options.vars)
    _build_and_report(options, lambda say: build_demo(options.output, variables=variables, on_progress=say))


def _build_and_report(
    options: argparse.Namespace, build: Callable[[Callable[[str], None]], BuildOutcome]
) -> None:
    from segmentry.report import generate_segmentation_report

    def say(line: str) -> None:
        if not options.quiet:
            _say(options, line)

    outcome = build(say)
    started = time.monotonic()
    report = generate_segmentation_report(outcome.database, options.output)
    say(f"report ready after {outcome.seconds + time.monotonic() - started:.0f} s")
    for line in closing_lines(report, outcome.warnings, options.output):
        print(_json_line(line) if options.log_format == "json" else line)


def _explain_merge(options: argparse.Namespace) -> None:
    from segmentry.identity import explain_merge

    print(explain_merge(options.id, options.database, variables=_variables(options.vars)))


def _settings(options: argparse.Namespace) -> None:
    from segmentry.project import described_vars

    sections = described_vars(options.word)
    if not sections:
        raise ConfigurationError(
            f"No setting has {options.word!r} in its name or meaning. Leave the word out to see all of them."
        )
    print("\n\n".join(f"{title}\n{'-' * len(title)}\n{text}" for title, text in sections.items()))


def _explain(options: argparse.Namespace) -> None:
    from segmentry.explain.warehouse import explain_segments, plan_segments

    variables = _variables(options.vars)
    for name, value in {
        "segmentry_explanation_provider": options.provider,
        "segmentry_explanation_maximum_cost": options.max_cost,
        "segmentry_explanation_concurrency": options.concurrency,
    }.items():
        if value is not None:
            variables[name] = value
    where: dict[str, Any] = {
        "target": options.target,
        "variables": variables,
        "only_failed": options.only_failed,
    }
    if options.dry_run:
        planned = plan_segments(**where)
        for text in planned:
            first = f"  first call at most {text.prompt_tokens:,} tokens, {text.cost_amount}"
            print(f"{text.segment_id}  {text.action}{first if text.action == 'ask' else ''}")
        asked = [text for text in planned if text.action == "ask"]
        cost = sum(text.cost_amount for text in asked)
        print(f"To ask: {len(asked)} of {len(planned)}; first calls at most {cost}")
        return
    rows = explain_segments(
        **where,
        on_row=lambda row: print(f"{row.segment_id}  {row.error_kind or row.status}", flush=True),
    )
    print(f"Written: {len(rows)}; cost {sum(row.cost_amount for row in rows)}")


def _backtest(options: argparse.Namespace) -> None:
    from segmentry.backtest import backtest_from_files

    def say(line: str) -> None:
        if not options.quiet:
            _say(options, line)

    found = backtest_from_files(
        options.events,
        options.id_history,
        options.output,
        holdout_days=options.holdout_days,
        variables=_variables(options.vars),
        on_progress=say,
    )
    print(found.scores.set_index("method").T.to_string(float_format="{:,.3f}".format))
    print(f"Held out: {found.holdout_days} days from {found.cut}. {found.recommendation}")
    print(f"Tables and chart: {options.output / 'clv_backtest.csv'}, clv_backtest.svg")


def _report(options: argparse.Namespace) -> None:
    from segmentry.report import generate_segmentation_report

    report = generate_segmentation_report(options.database, options.output)
    print(f"{report.headline}. {report.summary}\nReport: {options.output / 'report.html'}")


def _publish(options: argparse.Namespace) -> None:
    from segmentry.publish import publish

    # No --csv: none; --csv alone: all.
    csv_tables = () if options.csv is None else options.csv or None
    copy = publish(options.database, options.output, csv_tables=csv_tables)
    formats = (
        f"DuckDB and Parquet, {len(copy.csv_tables)} as CSV" if copy.csv_tables else "DuckDB and Parquet"
    )
    print(f"Published run {copy.run_id}: {len(copy.tables)} tables as {formats}")
    print(f"Read copy: {copy.directory / 'marts.duckdb'}")


def _compact(options: argparse.Namespace) -> None:
    from segmentry.generation import compact

    before, after = compact(options.database)
    print(f"{options.database} was written anew: {before / 1e6:,.1f} MB before, {after / 1e6:,.1f} MB now")


LOST_INPUT = ("many_rejected", "no_purchases")  # kinds of notices


def closing_lines(report: SegmentationReport, warnings: Sequence[str], output: Path) -> list[str]:
    """Lines worth reading at the end of a run: three, or more where much of the input could not be used.

    Parameters
    ----------
    report
        What was found.
    warnings
        Names of the data tests that found something.
    output
        Where the result is.

    Returns
    -------
    list of str
        What was found, how far it can be trusted, what of the input was lost if much was, where it is.
    """
    from segmentry.report.wording import score

    segments = sorted(report.segments, key=lambda segment: (-segment.total_clv, segment.segment_id))
    total = sum(segment.customer_count for segment in segments)
    if report.run.status == "insufficient_data" or not segments:
        found = f"No segments: {report.run.status_reason}"
        trust = "The profiles are there all the same: table segmentry.customers."
    else:
        first = segments[0]
        found = f"{total:,} customers in {len(segments)} segment{'s' if len(segments) > 1 else ''}: "
        found += f"{first.segment_name} ({first.customer_share:.0%} of them)"
        found += f" hold {first.clv_share:.0%} of expected value" if first.clv_share is not None else ""
        ready = sum(segment.is_production_ready for segment in segments)
        trust = f"{ready} of {len(segments)} pass every check that decides"
        scores = [
            (segment.overall_robustness, segment.segment_id, segment.segment_name)
            for segment in segments
            if segment.overall_robustness is not None
        ]
        if scores:
            lowest, _, name = min(scores)
            trust += f"; the least certain is {name} ({score(lowest)} of 1)"
        if warnings:
            trust += f"; {len(warnings)} warning{'s' if len(warnings) > 1 else ''}: {', '.join(warnings)}"
    lost = [f"{notice.title}. {notice.text}" for notice in report.notices if notice.kind in LOST_INPUT]
    quality = report.data_quality
    if quality.events_rejected and not lost:
        used = f"{quality.events_rejected:,} of {quality.event_count:,} events not used"
        found += f"; {used} (table rejected_events)"
    return [found, trust, *lost, f"Report: {output / 'report.html'}  Tables: {output / 'warehouse.duckdb'}"]


def _variables(text: str) -> dict[str, Any]:
    import yaml

    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"--vars could not be read as YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise ConfigurationError(f"--vars must be a mapping such as '{{segmentry_k: 4}}'; found {text!r}.")
    return given
