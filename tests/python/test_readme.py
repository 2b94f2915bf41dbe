"""The README shows what a build really gives. `python tests/python/test_readme.py DATABASE MARKER` writes a table anew."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import duckdb

from segmentry.report.wording import score

README = Path(__file__).resolve().parents[2] / "README.md"


def segments_table(database: Path) -> str:
    """The segments of a build as a Markdown table."""
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.sql(
            """
            select
                segment_id, segment_name, customer_count, clv_share, overall_robustness, verdict, weakest_test, is_production_ready,
                concat_ws(', ', action_what, action_how, action_when) as action
            from segmentry.segments order by total_clv desc, segment_id
            """
        ).fetchall()
    lines = [
        "| segment | customers | of expected value | robustness and verdict (weakest test) | passes every check that decides | what stands out |"
    ]
    lines.append("|---|---:|---:|---|---|---|")
    for segment_id, name, customers, share, robustness, verdict, weakest, ready, action in rows:
        value = "<1%" if 0 < share < 0.005 else f"{share:.0%}"
        trust = f"{score(robustness)} {verdict} ({weakest.replace('_', ' ')})"
        lines.append(
            f"| {segment_id} {name} | {customers:,} | {value} | {trust} | {'yes' if ready else 'no'} | {action or '-'} |"
        )
    return "\n".join(lines)


def shown(marker: str) -> str:
    match = re.search(f"<!-- {marker}:begin -->\n(.*?)<!-- {marker}:end -->", README.read_text(), re.DOTALL)
    assert match, f"README.md has no section {marker}"
    return match.group(1).strip()


def test_the_demo_table_is_what_the_demo_gives(built_demo: Path) -> None:
    assert shown("segments") == segments_table(built_demo)


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text())
    assert len(links) >= 8
    assert not [link for link in links if not (README.parent / link).exists()]


if __name__ == "__main__":
    database, marker = sys.argv[1:]
    text = README.read_text()
    begin, end = f"<!-- {marker}:begin -->\n", f"<!-- {marker}:end -->"
    head, rest = text.split(begin)
    README.write_text(head + begin + segments_table(Path(database)) + "\n" + end + rest.split(end)[1])
