"""Gather the pages of the site: docs/, changelog, decisions, settings, and the tables from dbt's manifest."""

import json
import shutil
import sys
from pathlib import Path

from segmentry.project import described_vars

ROOT = Path(__file__).resolve().parents[1]
manifest, pages = Path(sys.argv[1]), Path(sys.argv[2])
shutil.rmtree(pages, ignore_errors=True)
shutil.copytree(ROOT / "docs", pages, ignore=shutil.ignore_patterns("requirements.*"))
for name in ("CHANGELOG.md", "DECISIONS.md"):
    shutil.copyfile(ROOT / name, pages / name.lower())

settings = "".join(f"\n## {title}\n```yaml\n{text}\n```\n" for title, text in described_vars().items())
(pages / "settings.md").write_text(f"# Settings\n{settings}")
nodes = sorted(json.loads(manifest.read_text())["nodes"].values(), key=lambda node: node["alias"])
marts = [node for node in nodes if node.get("access") == "public"]
lines = ["# The tables", "", "Every public table of the schema `segmentry`, from its contract.", ""]
lines += [f"- [`{mart['alias']}`](#{mart['alias']})" for mart in marts]
for mart in marts:
    lines += ["", f"## `{mart['alias']}` {{ #{mart['alias']} }}", "", mart["description"], ""]
    lines += ["| column | type | NULL | meaning |", "|---|---|---|---|"]
    for name, column in mart["columns"].items():
        can_be_null = "no" if any(rule["type"] == "not_null" for rule in column["constraints"]) else "yes"
        meaning = " ".join(column["description"].replace("|", "\\|").split())
        lines.append(f"| `{name}` | {column['data_type']} | {can_be_null} | {meaning} |")
(pages / "tables.md").write_text("\n".join(lines) + "\n")
