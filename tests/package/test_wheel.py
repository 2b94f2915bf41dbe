"""The wheel as a user gets it: installed without the repository, in an empty directory."""

from __future__ import annotations

import json
import sys
import sysconfig
from pathlib import Path

import pytest
from clone import FAST, copied, run
from conftest import ROOT
from door import rows


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel; everything else comes from the environment of the tests."""
    directory = tmp_path_factory.mktemp("wheel")
    clone = copied(directory)
    build = "from setuptools.build_meta import build_wheel; build_wheel('dist')"
    run(sys.executable, "-c", build, cwd=clone)
    (wheel,) = (clone / "dist").glob("*.whl")
    run(sys.executable, "-m", "venv", "venv", cwd=directory)
    pip = directory / "venv" / "bin" / "pip"
    run(pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=directory)
    clone.rename(directory / "away")
    return directory / "venv"


def test_the_demo_runs_in_an_empty_directory(installed: Path, tmp_path: Path) -> None:
    # Dependencies alone: an editable install of the repository works by a file that this does not read.
    libraries = {"PYTHONPATH": sysconfig.get_path("purelib")}
    python = installed / "bin" / "python"
    show = "import segmentry.project as project; print(project.find_project())"
    project = Path(run(python, "-c", show, cwd=tmp_path, **libraries).strip())
    assert project.is_relative_to(installed)
    before = {path for path in project.rglob("*") if "__pycache__" not in path.parts}
    assert {"dbt_project.yml", "profiles.yml", "models", "macros", "seeds", "python_models", "tests"} <= {
        path.name for path in before
    }
    said = run(installed / "bin" / "segmentry", "demo", "--vars", json.dumps(FAST), cwd=tmp_path, **libraries)
    assert "Report: segmentry_demo/report.html" in said
    assert [path.name for path in tmp_path.iterdir()] == ["segmentry_demo"]
    assert "<html" in (tmp_path / "segmentry_demo" / "report.html").read_text()
    found = rows(tmp_path / "segmentry_demo" / "warehouse.duckdb", "select count(*) from segmentry.customers")
    assert found[0][0] > 900
    # A build leaves nothing in the installed package, which may be read-only.
    assert {path for path in project.rglob("*") if "__pycache__" not in path.parts} == before


def test_the_wheel_holds_the_whole_project(installed: Path) -> None:
    (project,) = installed.glob("lib/python*/site-packages/segmentry/_project")
    for folder in ("models", "macros", "python_models", "seeds"):
        there = {path.relative_to(project) for path in (project / folder).rglob("*.*")}
        here = {path.relative_to(ROOT) for path in (ROOT / folder).rglob("*.*")}
        assert {path for path in there ^ here if "__pycache__" not in path.parts} == set()
    assert {path.name for path in (project / "tests").iterdir()} == {
        path.name for path in (ROOT / "tests").glob("*.sql")
    }
