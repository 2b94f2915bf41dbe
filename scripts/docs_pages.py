"""Gather the pages of the site: docs/, the changelog, the decisions, the tables from dbt's manifest."""

import json
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
manifest, pages = Path(sys.argv[1]), Path(sys.argv[2])
shutil.rmtree(pages, ignore_errors=True)
shutil.copytree(ROOT / "docs", pages, ignore=shutil.ignore_patterns("requirements.*"))
for name in ("CHANGELOG.md", "DECISIONS.md"):
    shutil.copyfile(ROOT / name, pages / name.lower())

nodes = json.loads(manifest.read_text())["nodes"].values()
marts = [node for node in nodes if node["resource_type"] == "model" and node["access"] == "public"]
lines = ["# The tables", "", "Every public table of the schema `segmentry`, from its contract.", ""]
lines += [
    f"- [`{mart['alias']}`](#{mart['alias']})" for mart in sorted(marts, key=lambda mart: mart["alias"])
]
for mart in sorted(marts, key=lambda mart: mart["alias"]):
    lines += ["", f"## `{mart['alias']}` {{ #{mart['alias']} }}", "", mart["description"], ""]
    lines += ["| column | type | NULL | meaning |", "|---|---|---|---|"]
    for name, column in mart["columns"].items():
        is_needed = any(rule["type"] == "not_null" for rule in column["constraints"])
        meaning = " ".join(column["description"].replace("|", "\\|").split())
        lines.append(f"| `{name}` | {column['data_type']} | {'no' if is_needed else 'yes'} | {meaning} |")
(pages / "tables.md").write_text("\n".join(lines) + "\n")
