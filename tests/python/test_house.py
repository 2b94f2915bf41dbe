"""The rules of the house, over dbt's manifest and the source tree."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, run_dbt

from segmentry import project
from segmentry.exceptions import PipelineError

LAYERS = ["staging", "identity", "profiles", "segmentation", "assessment", "explanations", "marts"]
PATTERNS = {
    "stg_": r"stg_segmentry__[a-z_]+",
    "int_": r"int_segmentry__[a-z_]+",
    "seg": r"segmentry__[a-z_]+",
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    directory = tmp_path_factory.mktemp("parse")
    parsed = run_dbt("parse", "--no-partial-parse", database=directory / "warehouse.duckdb")
    assert parsed.returncode == 0, parsed.stdout
    return json.loads((directory / "target" / "manifest.json").read_text())


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


@pytest.fixture(scope="module")
def marts(models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = [model for model in models if model["fqn"][1] == "marts"]
    assert len(found) >= 20
    return found


def layer(node: dict[str, Any]) -> str:
    return str(node["fqn"][1])


def test_layers_look_only_upstream(manifest: dict[str, Any], models: list[dict[str, Any]]) -> None:
    wrong = []
    for model in models:
        for parent_id in model["depends_on"]["nodes"]:
            parent = manifest["nodes"].get(parent_id)
            if (
                parent
                and parent["resource_type"] == "model"
                and LAYERS.index(layer(parent)) > LAYERS.index(layer(model))
            ):
                wrong.append((model["name"], parent["name"]))
    assert not wrong


def test_only_staging_reads_the_users_tables(models: list[dict[str, Any]]) -> None:
    readers = [
        model
        for model in models
        if any(parent.startswith(("seed.", "source.")) for parent in model["depends_on"]["nodes"])
    ]
    assert len(readers) >= 5
    assert not [
        model["name"]
        for model in readers
        if layer(model) != "staging" or not model["name"].startswith("stg_")
    ]


def test_names_follow_the_patterns(models: list[dict[str, Any]]) -> None:
    for model in models:
        assert re.fullmatch(
            PATTERNS[model["name"][:4] if model["name"][:4] in PATTERNS else "seg"], model["name"]
        ), model["name"]
        if layer(model) == "marts":
            assert model["name"] == f"segmentry__{model['alias']}"
        else:
            assert model["name"].startswith(("stg_", "int_"))
            assert model["alias"] == model["name"]


def test_marts_are_public_and_nothing_else_is(models: list[dict[str, Any]]) -> None:
    for model in models:
        is_mart = layer(model) == "marts"
        assert (model["access"] == "public") == is_mart, model["name"]
        assert model["group"] == "segmentry"
        assert model["schema"] == ("segmentry" if is_mart else "segmentry_internal")


def test_marts_have_contract_and_key(manifest: dict[str, Any], marts: list[dict[str, Any]]) -> None:
    findings = {"segmentry__id_merge_conflicts", "segmentry__id_merge_rejects", "segmentry__rejected_events"}
    keys: dict[str, list[str]] = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test" and (node.get("test_metadata") or {}).get("name") == "well_formed":
            keys.setdefault(node["attached_node"], node["test_metadata"]["kwargs"].get("key", []))
    for mart in marts:
        assert mart["config"]["contract"]["enforced"], mart["name"]
        assert all(column["data_type"] for column in mart["columns"].values())
        # Findings may be equal: the same bad row twice is two findings.
        key = keys.get(mart["unique_id"], [])
        assert bool(key) != (mart["name"] in findings), mart["name"]
        for column in key:
            types = [constraint["type"] for constraint in mart["columns"][column]["constraints"]]
            assert "not_null" in types, f"{mart['name']}.{column}"


def test_grain_comes_first(models: list[dict[str, Any]]) -> None:
    assert not [model["name"] for model in models if not re.match(r"One row( |\b)", model["description"])]


def test_every_public_column_is_described(marts: list[dict[str, Any]]) -> None:
    assert not [
        f"{mart['name']}.{name}"
        for mart in marts
        for name, column in mart["columns"].items()
        if len(column["description"]) < 5
    ]


def test_python_models_stay_small() -> None:
    files = sorted((ROOT / "python_models").rglob("*.py"))
    assert files
    for file in files:
        tree = ast.parse(file.read_text())
        (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))
        assert len(file.read_text().splitlines()) <= 15, file.name
        assert function.name == "model"


def test_scripts_stay_small() -> None:
    files = sorted((ROOT / "scripts").glob("*.py"))
    assert files
    assert not [file.name for file in files if len(file.read_text().splitlines()) > 30]


def declared_vars() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"]["segmentry"]


def validated_vars() -> set[str]:
    text = (ROOT / "macros" / "config" / "settings.sql").read_text()
    return set(re.findall(r"^        '(segmentry_\w+)': \{'kind'", text, re.MULTILINE))


def used_vars() -> set[str]:
    files = [
        path
        for folder in ("models", "macros", "python_models", "seeds", "tests")
        for path in (ROOT / folder).rglob("*")
    ]
    text = "\n".join(path.read_text() for path in files if path.suffix in (".sql", ".yml"))
    return set(re.findall(r"""var\(\s*['"](segmentry_\w+)['"]""", text))


def test_lists_of_vars_agree() -> None:
    assert set(declared_vars()) == validated_vars()
    assert set(declared_vars()) == used_vars()


@pytest.mark.parametrize("name", ["segmentry_inbound_channels", "segmentry_id_placeholders"])
def test_lists_of_texts_are_checked(name: str) -> None:
    def said(entries: object) -> str:
        project.run_operation("validate_config", ":memory:", variables=json.dumps({name: entries}))
        return ""

    assert said([]) == said(["(none)", "organic search"]) == ""
    for wrong in ("Direct", "it's", "", 7):
        with pytest.raises(PipelineError, match=f"{name} holds {re.escape(json.dumps(wrong))}; each must be"):
            said(["fine", wrong])
    with pytest.raises(PipelineError, match=f"{name} must be a list"):
        said("direct")


def test_vars_have_one_default() -> None:
    files = [
        path for folder in ("models", "macros", "python_models") for path in (ROOT / folder).rglob("*.sql")
    ]
    second_defaults = [
        f"{path.name}: {found}"
        for path in files
        if path.name != "validate_config.sql"
        for found in re.findall(r"""var\(\s*['"]segmentry_\w+['"]\s*,""", path.read_text())
    ]
    assert not second_defaults


def test_python_settings_match_the_vars() -> None:
    from segmentry.settings import SegmentationSettings

    meta = yaml.safe_load((ROOT / "python_models" / "segmentation" / "_segmentation_python.yml").read_text())
    passed = {name.removeprefix("segmentry_") for name in meta["models"][0]["config"]["meta"]}
    assert passed == set(SegmentationSettings.model_fields)
    declared = {name.removeprefix("segmentry_"): value for name, value in declared_vars().items()}
    for name, setting in SegmentationSettings.model_fields.items():
        if name not in ("features", "k"):
            assert declared[name] == setting.default, name


def test_every_var_is_commented() -> None:
    lines = (ROOT / "dbt_project.yml").read_text().splitlines()
    start = lines.index("vars:")
    uncommented = []
    commented = False
    for line in lines[start:]:
        if line.strip().startswith("# ----"):
            commented = False
        elif line.strip().startswith("#"):
            commented = True
        elif re.match(r"^    segmentry_\w+:", line) and not commented:
            uncommented.append(line.strip())
    assert not uncommented


def test_versions_agree() -> None:
    import segmentry

    versions = {
        segmentry.__version__,
        tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"],
        yaml.safe_load((ROOT / "dbt_project.yml").read_text())["version"],
        re.search(r"return\('([0-9.]+)'\)", (ROOT / "macros" / "config" / "settings.sql").read_text()).group(
            1
        ),  # type: ignore[union-attr]
    }
    assert len(versions) == 1


def test_the_lock_names_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert not re.search(r"^--?(index|extra-index|find-links|i )", lock, re.MULTILINE)
    pins = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==", lock, re.MULTILINE)
    assert len(pins) > 50
    assert lock.count("--hash=sha256:") >= len(pins)


def test_sql_has_no_forbidden_aggregates() -> None:
    """No choice without a total order (mode, first, any_value, arg_max), and no engine's own clauses outside macros/sql."""
    forbidden = re.compile(
        r"\b(mode|any_value|arg_max|arg_min|max_by|min_by)\s*\(|\bqualify\b|\bfilter\s*\(", re.IGNORECASE
    )
    found = []
    for path in [*(ROOT / "models").rglob("*.sql"), *(ROOT / "macros").rglob("*.sql")]:
        sql = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
        sql = "\n".join(line for line in sql.splitlines() if not line.strip().startswith("--"))
        if forbidden.search(sql) and path.parent != ROOT / "macros" / "sql":
            found.append(path.name)
    assert not found


def test_nothing_reads_the_clock_but_the_run() -> None:
    clock = re.compile(r"current_timestamp|current_date|now\(\)|getdate|sysdate", re.IGNORECASE)
    sources: list[Path] = [*(ROOT / "models").rglob("*.sql"), *(ROOT / "macros").rglob("*.sql")]
    assert not [path.name for path in sources if clock.search(path.read_text())]
    readers = {path.name for path in sources if "run_started_at" in path.read_text()}
    assert readers == {"int_segmentry__run.sql", "latest_plausible_time.sql"}


def test_pages_that_are_named_exist() -> None:
    folders = (
        "models",
        "macros",
        "src",
        "python_models",
        "scripts",
        "seeds",
        "docs",
        "examples",
        "benchmarks",
    )
    files = [
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".sql", ".yml", ".py", ".md")
    ]
    files += [ROOT / "dbt_project.yml", ROOT / "profiles.yml", ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    named = {
        (page, path.name)
        for path in files
        for page in re.findall(
            r"\b(?:docs|examples|scripts|benchmarks)/[\w/-]+\.(?:md|sql|py)\b", path.read_text()
        )
    }
    assert len(named) >= 10
    assert not sorted((page, name) for page, name in named if not (ROOT / page).exists())


def test_what_is_kept_of_a_parse_is_used_only_where_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    variables = '{"segmentry_k": 3}'
    kept = project._kept_parse("memory", variables)
    kept.parent.mkdir()
    kept.write_bytes(b"no record of dbt")
    first = project.parsed.__wrapped__("memory", variables)
    assert kept.stat().st_size > 1_000_000
    again = project.parsed.__wrapped__("memory", variables)
    assert {key: node.to_dict() for key, node in again.nodes.items()} == {
        key: node.to_dict() for key, node in first.nodes.items()
    }
    assert [path.name for path in tmp_path.rglob("*.msgpack")] == [kept.name]
