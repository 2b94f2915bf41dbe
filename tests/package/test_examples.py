"""The examples and the Python of the docs as a reader runs them."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from clone import run_script
from conftest import ROOT

import segmentry


@pytest.mark.parametrize("name", ["tour", "own_data", "audience"])
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    said = run_script(ROOT / "examples" / f"{name}.py", tmp_path)
    assert "S1 " in said or name == "audience"
    if name == "own_data":
        assert "1 rejected" in said
        assert "missing_customer_id" in said
        assert (tmp_path / "own_data" / "report.html").is_file()
    if name == "audience":
        with (tmp_path / "audience.csv").open() as file:
            audience = list(csv.DictReader(file))
        assert f"audience.csv: {len(audience):,} customers" in said
        assert len(audience) > 20


def code(page: str) -> str:
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    assert blocks
    return "\n".join(blocks)


def test_the_python_page_runs(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text(code("docs/python.md"))
    said = run_script(tmp_path / "page.py", tmp_path)
    assert "marts ready" in said
    assert (tmp_path / "result" / "report.html").is_file()


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    events, id_history = segmentry.generate_small_dataset(n_customers=120)
    events.to_parquet(tmp_path / "events.parquet")
    id_history.to_csv(tmp_path / "merges.csv", index=False)
    # Its first block asks the demo; tests/python/test_docs.py runs that.
    (tmp_path / "readme.py").write_text("".join(code("README.md").partition("import segmentry")[1:]))
    assert "customers" in run_script(tmp_path / "readme.py", tmp_path)
