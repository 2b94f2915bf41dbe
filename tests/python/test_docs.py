"""What the docs show is there and works; builds that they show are in tests/package."""

from __future__ import annotations

import re
import shlex
import shutil
import textwrap
from pathlib import Path

import duckdb
import pytest
import yaml
from conftest import ROOT
from dbt.cli.main import cli

from segmentry.cli import _parser

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
CONSUMER = ROOT / "tests" / "python" / "consumer_project"


def blocks(page: Path, language: str) -> list[str]:
    """Code of a page; "" is the language of commands."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(text) for _, given, text in found if given == language]


def commands() -> list[tuple[str, list[str]]]:
    found = []
    for page in PAGES:
        for line in "\n".join(blocks(page, "")).splitlines():
            for command in line.split("&&"):
                words = shlex.split(command.split(" >")[0], comments=True)
                if words and words[0].rpartition("/")[2] in ("segmentry", "dbt", "make", "python"):
                    found.append((page.name, [words[0].rpartition("/")[2], *words[1:]]))
    return found


def test_commands_can_be_typed_as_they_stand() -> None:
    found = commands()
    assert len(found) >= 15
    assert {words[0] for _, words in found} >= {"segmentry", "dbt", "make", "python"}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page, (program, *words) in found:
        if program == "segmentry":
            _parser().parse_args(words)
        elif program == "dbt":
            # Unknown options and missing values are errors here.
            cli.commands[words[0]].make_context(
                words[0], words[1:], parent=cli.make_context("dbt", [words[0]])
            )
        elif program == "make":
            assert words[0] in targets, page
        elif program == "python":
            assert words[0] in ("-c", "-m") or (ROOT / words[0]).is_file(), page


@pytest.fixture(scope="module")
def demo_copy(built_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    database = tmp_path_factory.mktemp("docs") / "warehouse.duckdb"
    shutil.copy(built_demo, database)
    return database


def test_queries_run(demo_copy: Path) -> None:
    pages = [page for page in PAGES if page.name in ("index.md", "operating.md")]
    statements = [text for page in pages for text in "".join(blocks(page, "sql")).split(";") if text.strip()]
    for page in PAGES:
        statements += re.findall(r"`(select [^`]* from segmentry[._][^`]*)`", page.read_text())
    assert len(statements) >= 7
    with duckdb.connect(str(demo_copy)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize("name", ["report.md", "methods/identity.md"])
def test_python_runs(name: str, demo_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(demo_copy, tmp_path / "warehouse.duckdb")
    monkeypatch.chdir(tmp_path)
    code = "\n".join(blocks(ROOT / "docs" / name, "python"))
    # A page is read as a session; files that it leaves open are closed with it.
    exec(
        compile(
            code.replace('open("output/report.json").read()', 'Path("output/report.json").read_text()'),
            name,
            "exec",
        ),
        {"Path": Path},
    )


def test_the_first_query_of_the_readme_runs(
    demo_copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(demo_copy.parent)
    exec(compile(blocks(ROOT / "README.md", "python")[0], "README.md", "exec"), {})
    assert "Big frequent spenders" in capsys.readouterr().out


def test_the_page_shows_the_example_for_dagster() -> None:
    (shown,) = blocks(ROOT / "docs" / "orchestration.md", "python")
    assert shown == (ROOT / "examples" / "dagster" / "definitions.py").read_text()


def test_the_package_page_shows_the_project_that_is_tested() -> None:
    page = ROOT / "docs" / "package.md"
    files = [path for path in CONSUMER.rglob("*") if path.is_file() and path.suffix in (".yml", ".sql")]
    text = "\n".join(path.read_text() for path in files)
    shown = {
        line.strip()
        for language in ("sql", "yaml")
        for block in blocks(page, language)
        for line in block.splitlines()
    }
    own = {
        "# packages.yml: the path of a clone, or a git address",
        "- local: ../segmentry",
        "path: warehouse.duckdb",
    }
    there = {line.strip() for line in text.splitlines()}
    assert shown - there == own


def test_every_page_is_on_the_site() -> None:
    site = (ROOT / "mkdocs.yml").read_text()
    navigation = yaml.safe_load(site)["nav"]
    listed = set(re.findall(r"[\w/-]+\.md", str(navigation)))
    linked = {
        str((page.parent / link).resolve().relative_to(ROOT / "docs"))
        for page in (ROOT / "docs").rglob("*.md")
        for link in re.findall(r"\]\(([\w/.-]+\.md)", page.read_text())
    }
    assert (
        not {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")} - listed - linked
    )


def test_errors_of_the_faq_are_those_that_are_raised() -> None:
    told = re.findall(r"^### `(.*)`$", (ROOT / "docs" / "faq.md").read_text(), re.MULTILINE)
    assert len(told) >= 8
    sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "macros").rglob("*.sql"), ROOT / "Makefile"]
    text = "\n".join(path.read_text() for path in sources)
    assert not [error for error in told if error not in text]


def test_families_of_metrics_cover_the_profile() -> None:
    contract = yaml.safe_load((ROOT / "models" / "marts" / "_marts.yml").read_text())["models"]
    (customers,) = (model for model in contract if model["name"] == "segmentry__customers")
    columns = [column["name"] for column in customers["columns"]]
    columns = columns[columns.index("gross_revenue") : columns.index("behaviour_type") + 1]
    text = (ROOT / "docs" / "methods" / "profiles.md").read_text()
    missing = [name for name in columns if f"`{name}`" not in text]
    # The levels below the first are told of in one row.
    assert not [name for name in missing if "_level_" not in name]
