"""Merges by real dbt runs: both algorithms, every policy that stops, changes between runs, explanations, the Python doors."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from compiled import run as run_models
from compiled import text_table
from conftest import ROOT, invoke_on, run_dbt
from oracle_identity import WHITE_SPACE, Resolution, Statement, resolve
from test_identity import (
    COLUMNS,
    EDGES,
    LATEST_PLAUSIBLE,
    MAP,
    POLICIES,
    RESOLVED,
    START,
    WALKED,
    assert_equal,
    build,
    raw_rows,
)

from segmentry import cli
from segmentry.exceptions import (
    CircularMergeError,
    ConfigurationError,
    CustomerMergeError,
    DataValidationError,
    MergeChainTooDeepError,
)
from segmentry.identity import apply_merge_map, explain_merge, resolve_customer_merges
from segmentry.project import parsed

HISTORIES = int(os.environ.get("SEGMENTRY_HISTORIES", "500"))
HISTORY = "segmentry_internal.segmentry_demo_id_history"
EVENTS = "segmentry_internal.segmentry_demo_events"
NAMES = ["a", "b", "c", "d", "e", "f", "g", "A", "10", "9", "é", "x y", "o'b", "🙂"]
SHARED = ROOT.parent / "shared" / "data"


def random_history(rng: random.Random, prefix: str) -> list[Statement]:
    """Return a history as dirty as ours get; its ids begin with `prefix`, whatever stands around them."""

    def written(name: str) -> str | None:
        if rng.random() < 0.05:
            return rng.choice([None, "", " \t", "null", " NaN", "0"])
        padding = rng.choices(WHITE_SPACE, k=rng.choice([0, 0, 0, 1, 2]))
        return "".join(padding) + prefix + name + "".join(padding)

    def moment() -> datetime:
        return START + timedelta(hours=rng.randint(0, 7))

    names = rng.sample(NAMES, rng.randint(2, len(NAMES)))
    history = [
        Statement(
            written(rng.choice(names)),
            written(rng.choice(names)),
            None if rng.random() < 0.03 else moment(),
            moment() if rng.random() < 0.3 else None,
            rng.choice([None, "crm", "login"]),
            rng.choice([None, None, None, "merge", "Unmerge", "split"]),
        )
        for _ in range(rng.randint(0, 20))
    ]
    if rng.random() < 0.5:
        ring = rng.sample(names, rng.randint(2, len(names)))
        pairs = zip(ring, [*ring[1:], ring[0]], strict=True)
        history += [Statement(prefix + old, prefix + new, moment()) for old, new in pairs]
    if rng.random() < 0.5:
        chain = [f"{prefix}chain{number}" for number in range(rng.randint(2, 40))]
        ends = [*chain[1:], prefix + rng.choice(names)]
        history += [Statement(old, new, moment()) for old, new in zip(chain, ends, strict=True)]
    rng.shuffle(history)
    return history


def many_histories(number: int, seed: int) -> list[Statement]:
    """Return histories that never meet, one after the other."""
    rng = random.Random(seed)
    return [row for index in range(number) for row in random_history(rng, f"h{index}:")]


def put(database: Path, history: Sequence[Statement]) -> None:
    """Make the tables that the demo's seeds would be: this history, and an event of each of its ids."""
    rows = text_table(raw_rows(history), COLUMNS)
    ids = sorted(
        {row.old_id for row in history if row.old_id} | {row.new_id for row in history if row.new_id}
    )
    events = text_table(
        [
            {"event_id": str(number), "customer_id": id_, "event_at": "2024-03-05", "event_type": "page_view"}
            for number, id_ in enumerate(ids)
        ],
        [
            *("event_id", "customer_id", "event_at", "event_type", "session_id", "order_id", "channel"),
            *("device_type", "category", "product_id", "quantity", "amount", "discount_amount", "currency"),
        ],
    )
    rates = pa.table({"currency": ["EUR"], "rate": [1.0]})
    with duckdb.connect(str(database)) as connection:
        connection.execute("create schema if not exists segmentry_internal")
        for name, table in (
            (HISTORY, rows),
            (EVENTS, events),
            ("segmentry_internal.segmentry_exchange_rates", rates),
        ):
            connection.register("given_rows", table)
            connection.execute(f"create or replace table {name} as select * from given_rows")


def run_on(database: Path, *select: str, manifest: Any = None, **options: Any) -> str:
    """Run models with some vars over what `put` made; return what went wrong, "" when nothing did."""
    variables = {f"segmentry_{name}": value for name, value in options.items()}
    return "\n".join(invoke_on(database, "run", "--select", *select, variables=variables, manifest=manifest))


def table(database: Path, name: str) -> pd.DataFrame:
    """Return a table of a database."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.sql(f"select * from {name}").to_arrow_table().to_pandas()


def tables(database: Path) -> set[str]:
    """Return the names of all tables of a database."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return {name for (name,) in connection.sql("select table_name from duckdb_tables()").fetchall()}


@pytest.mark.parametrize("policy", POLICIES)
def test_rounds_agree_with_the_oracle(policy: dict[str, Any], tmp_path: Path) -> None:
    history = many_histories(HISTORIES, POLICIES.index(policy))
    database = tmp_path / "warehouse.duckdb"
    put(database, history)
    assert not run_on(database, f"+{MAP}", merge_algorithm="rounds", **policy)
    frames = {name: table(database, f"segmentry_internal.{name}") for name in (EDGES, RESOLVED, MAP)}
    assert_equal(frames, resolve(history, latest_plausible=LATEST_PLAUSIBLE, **policy))
    assert not [name for name in tables(database) if "round" in name or "tmp" in name]


@pytest.mark.parametrize("policy", POLICIES)
def test_recursion_agrees_with_the_oracle_on_many_histories(policy: dict[str, Any]) -> None:
    history = many_histories(HISTORIES, 10 + POLICIES.index(policy))
    assert_equal(build(history, **policy), resolve(history, latest_plausible=LATEST_PLAUSIBLE, **policy))


@pytest.mark.parametrize("cycle_policy", ["quarantine", "latest_wins"])
def test_a_window_knows_the_merges_before_its_end(cycle_policy: str) -> None:
    history = many_histories(60, 20)
    cutoffs = [START + timedelta(hours=hours, minutes=30) for hours in range(-1, 8)]
    windows = pa.table(
        {
            "window_id": [f"w{number}" for number in range(len(cutoffs))],
            "lag_days": [1] * len(cutoffs),
            "cutoff_at": pa.array(cutoffs, pa.timestamp("us")),
        }
    )
    model = "int_segmentry__window_merge_map_resolved"
    found = run_models(
        [model],
        {
            "segmentry_demo_id_history": text_table(raw_rows(history), COLUMNS),
            "int_segmentry__windows_listed": windows,
        },
        {"segmentry_cycle_policy": cycle_policy},
    )[model]
    for number, cutoff in enumerate(cutoffs):
        expected = resolve(
            history, latest_plausible=LATEST_PLAUSIBLE, merge_as_of=cutoff, cycle_policy=cycle_policy
        )
        rows = found[found["window_id"] == f"w{number}"]
        assert dict(zip(rows["id"], rows["customer_id"], strict=True)) == {
            id_: place.customer_id for id_, place in expected.places.items()
        }


def test_rounds_give_the_windows_of_the_demo(built_demo: Path, tmp_path: Path) -> None:
    database = tmp_path / "warehouse.duckdb"
    shutil.copy(built_demo, database)
    models = [*WALKED, MAP, "int_segmentry__window_merge_map_resolved"]
    before = [table(database, f"segmentry_internal.{name}") for name in models]
    assert not run_on(database, *models, merge_algorithm="rounds")
    for name, expected in zip(models, before, strict=True):
        found = table(database, f"segmentry_internal.{name}")
        keys = [column for column in ("window_id", "id") if column in found]
        pd.testing.assert_frame_equal(
            found.sort_values(keys, ignore_index=True), expected.sort_values(keys, ignore_index=True)
        )
        assert len(found)


def crafted() -> list[Statement]:
    """Return a conflict, a cycle with a tail, a chain, a star, a merge that was taken back, and rejects."""
    hour = [START + timedelta(hours=hours) for hours in range(10)]
    return [
        Statement("10", "9", hour[1], source="crm"),
        Statement("9", "o'b", hour[2]),
        Statement("10", "8", hour[0]),
        Statement("p", "q", hour[3]),
        Statement("q", "r", hour[4]),
        Statement("r", "p", hour[5]),
        Statement("tail", "q", hour[6]),
        Statement("gone", "9", hour[1]),
        Statement("gone", "9", hour[2], operation="unmerge"),
        Statement("10", "10", hour[1]),
        *(Statement(f"s{number}", "star", hour[1]) for number in range(12)),
    ]


@pytest.fixture(scope="module")
def crafted_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    database = tmp_path_factory.mktemp("crafted") / "warehouse.duckdb"
    put(database, crafted())
    assert not run_on(database, "+segmentry__customer_merge_map")
    return database


STOPS: list[tuple[dict[str, Any], list[str]]] = [
    ({"conflict_policy": "error"}, ["10 -> 8", "10 -> 9", "segmentry_conflict_policy to latest or earliest"]),
    ({"cycle_policy": "error"}, ["p -> q, q -> r, r -> p", "segmentry_cycle_policy to quarantine"]),
    (
        {"max_merge_depth": 1, "max_merge_depth_policy": "error"},
        ["1 ids are more than 1 merges", "10 -> o'b in 2 merges", "segmentry_max_merge_depth"],
    ),
    (
        {"max_cluster_size": 12, "max_cluster_size_policy": "error"},
        ["1 customers have more than 12 ids", "13 ids -> star", "segmentry_max_cluster_size"],
    ),
]


@pytest.mark.parametrize(("options", "said"), STOPS)
@pytest.mark.parametrize("algorithm", ["recursion", "rounds"])
def test_a_policy_that_stops_names_the_ids_and_leaves_the_map_as_it_was(
    options: dict[str, Any], said: list[str], algorithm: str, crafted_database: Path, tmp_path: Path
) -> None:
    database = tmp_path / "warehouse.duckdb"
    shutil.copy(crafted_database, database)
    before = (tables(database), table(database, "segmentry.customer_merge_map"))
    stopped = run_on(
        database, *WALKED, MAP, "segmentry__customer_merge_map", merge_algorithm=algorithm, **options
    )
    for text in said:
        assert text in stopped
    assert tables(database) == before[0]
    pd.testing.assert_frame_equal(table(database, "segmentry.customer_merge_map"), before[1])


def test_rounds_that_break_leave_nothing_behind(
    crafted_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "warehouse.duckdb"
    shutil.copy(crafted_database, database)
    resolved = f"(from segmentry_internal.{RESOLVED} order by id)"
    expected = table(database, resolved)
    # All the rounds run, then the last statement can't: it reads what is not there.
    monkeypatch.setattr(
        parsed("warehouse").macros["macro.segmentry.place_cycles"],
        "macro_sql",
        "{% macro place_cycles(opened, members, stuck_edges, keys=[]) %} cycles_placed as (from nowhere) from cycles_placed {% endmacro %}",
    )
    before = tables(database)
    assert "nowhere" in run_on(database, *WALKED, manifest=parsed("warehouse"), merge_algorithm="rounds")
    assert tables(database) == before
    pd.testing.assert_frame_equal(table(database, resolved), expected)


def later_batches(rng: random.Random, count: int) -> Iterator[list[Statement]]:
    """Yield a history that grows: merges, merges of earlier times, unmerges; now and then rows vanish from it."""
    names = [f"id{number}" for number in range(30)]
    history: list[Statement] = []
    for batch in range(count):
        now = START + timedelta(days=batch)
        history = [row for row in history if rng.random() > 0.05]
        for _ in range(15):
            late = timedelta(hours=rng.randint(0, 40))
            history.append(Statement(rng.choice(names), rng.choice(names), now - late))
        for row in rng.sample(history, 4):
            history.append(replace(row, merged_at=now, operation="unmerge"))
        yield list(history)


def test_changes_add_up_to_the_map_of_every_run(tmp_path: Path) -> None:
    database = tmp_path / "warehouse.duckdb"
    runs: list[pd.DataFrame] = []
    expected: dict[str, str] = {}
    for history in later_batches(random.Random(5), 4):
        put(database, history)
        # The same run again changes nothing.
        for _ in range(2 if len(runs) == 1 else 1):
            assert not run_on(database, "+segmentry__id_merge_changes")
        changes = table(database, "segmentry.id_merge_changes")
        last = changes.sort_values("change_number").groupby("id")["new_customer_id"].last()
        places = resolve(history, latest_plausible=LATEST_PLAUSIBLE).places
        today = {id_: place.customer_id for id_, place in places.items()}
        ids = set(today) | set(last.index)
        assert {id_: last.get(id_, id_) for id_ in ids} == {id_: today.get(id_, id_) for id_ in ids}
        new = changes if not runs else changes.iloc[len(runs[-1]) :]
        # Each row says what was before, and only what changed has a row.
        assert {row.id: (row.old_customer_id, row.new_customer_id) for row in new.itertuples()} == {
            id_: (expected.get(id_, id_), today.get(id_, id_))
            for id_ in set(expected) | set(today)
            if expected.get(id_, id_) != today.get(id_, id_)
        }
        assert new["run_id"].nunique() == 1
        runs.append(changes)
        expected = today
    assert (runs[-1]["status"] == "unmerged").any()
    assert runs[-1]["change_number"].max() > 1


def expected_path(expected: Resolution, id_: str, steps: int) -> list[str]:
    target = {old: new for (old, new), edge in expected.edges.items() if edge.conflict_rank == 1}
    path = [id_]
    for _ in range(steps):
        path.append(target[path[-1]])
    return path


def test_an_explanation_follows_the_way(crafted_database: Path) -> None:
    expected = resolve(crafted(), latest_plausible=LATEST_PLAUSIBLE)
    steps = {"10": 2, "o'b": 0, "p": 3, "tail": 4, "s3": 1}
    for id_, count in steps.items():
        found = explain_merge(f" {id_}", crafted_database)
        place = expected.places[id_]
        assert (found.id, found.customer_id, found.status, found.depth) == (
            id_, place.customer_id, place.status, place.depth,
        )  # fmt: skip
        path = expected_path(expected, id_, count)
        assert [hop["old_id"] for hop in found.hops] == path[:-1]
        assert [hop["new_id"] for hop in found.hops] == path[1:]
        assert f"{id_} is " in str(found)
    chain = explain_merge("10", crafted_database)
    assert [hop["source"] for hop in chain.hops] == ["crm", None]
    assert [(row["new_id"], row["merged_at"]) for row in chain.conflicts] == [("8", str(START))]
    assert [row["reason"] for row in chain.rejects] == ["self_merge"]
    assert (chain.id_count, chain.ids) == (3, ["10", "9", "o'b"])
    gone = explain_merge("gone", crafted_database)
    assert (gone.status, gone.customer_id, gone.hops) == ("unmerged", "gone", [])
    assert "Taken back: gone -> 9" in str(gone)
    assert explain_merge("star", crafted_database).id_count == 13
    assert "s0, s1" in str(explain_merge("star", crafted_database))


def test_the_command_and_the_operation_say_the_same(
    crafted_database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["explain-merge", "10", "--database", str(crafted_database)]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[:3] == [
        "10 is o'b, by 2 merges.",
        "  1. 10 -> 9, 2024-03-01 01:00:00, source crm",
        "  2. 9 -> o'b, 2024-03-01 02:00:00",
    ]
    operation = run_dbt(
        "--quiet", "run-operation", "explain_merge", "--args", '{"id": "10"}', database=crafted_database
    )
    assert operation.stdout == said


@pytest.mark.parametrize("id_", ["", " ", "NULL"])
def test_what_is_no_id_is_said_to_be_none(
    id_: str, crafted_database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["explain-merge", id_, "--database", str(crafted_database)]) == 1
    assert "stands for" in capsys.readouterr().err


def test_an_explanation_needs_a_build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain-merge", "a", "--database", str(tmp_path / "nowhere.duckdb")]) == 1
    assert "was not found" in capsys.readouterr().err
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    with pytest.raises(CustomerMergeError, match="Run dbt build first"):
        explain_merge("a", tmp_path / "empty.duckdb")


def as_frame(history: Sequence[Statement]) -> pd.DataFrame:
    return pd.DataFrame(raw_rows(history), columns=COLUMNS)


@pytest.mark.parametrize("kind", [lambda frame: frame, lambda frame: pa.Table.from_pandas(frame)])
def test_the_door_resolves_as_the_oracle_does(kind: Callable[[pd.DataFrame], Any]) -> None:
    history = many_histories(40, 30)
    found = resolve_customer_merges(kind(as_frame(history)))
    expected = resolve(history, latest_plausible=LATEST_PLAUSIBLE)
    assert {row.id: (row.customer_id, row.depth, row.status) for row in found.merge_map.itertuples()} == {
        id_: (place.customer_id, place.depth, place.status) for id_, place in expected.places.items()
    }
    assert len(found.rejects) == sum(expected.rejects.values())
    assert len(found.conflicts) == sum(edge.conflict_rank > 1 for edge in expected.edges.values())
    assert {
        cycle_id: list(rows["id"]) for cycle_id, rows in found.cycles.groupby("cycle_id")
    } == expected.cycles


def test_the_door_raises_what_the_policy_forbids() -> None:
    history = as_frame(crafted())
    with pytest.raises(CircularMergeError, match="p -> q -> r") as raised:
        resolve_customer_merges(history, cycle_policy="error")
    assert raised.value.cycle == ["p", "q", "r"]
    with pytest.raises(MergeChainTooDeepError, match=r"more than 1 merges away.*: 1, up to 2 merges: 10"):
        resolve_customer_merges(history, max_merge_depth=1, max_merge_depth_policy="error")
    with pytest.raises(CustomerMergeError, match="more than 12 ids: 1, up to 13 ids: star"):
        resolve_customer_merges(history, max_cluster_size=12, max_cluster_size_policy="error")
    with pytest.raises(CustomerMergeError, match="more than one other id: 10"):
        resolve_customer_merges(history, conflict_policy="error")


def test_the_door_knows_its_policies() -> None:
    history = as_frame(crafted())
    wrong: dict[str, Any] = {"cycle_policy": "newest", "max_merge_depth": 0, "as_of": "2024' or '1'='1"}
    for name, value in wrong.items():
        with pytest.raises(ConfigurationError, match=f"segmentry_(merge_)?{name} is .*must be"):
            resolve_customer_merges(history, **{name: value})


def test_the_door_says_what_is_missing() -> None:
    with pytest.raises(DataValidationError, match="merged_at is missing among old_id, new_id"):
        resolve_customer_merges(pd.DataFrame({"old_id": ["a"], "new_id": ["b"]}))
    floats = pd.DataFrame({"old_id": [1.0, None], "new_id": ["b", "c"], "merged_at": "2024-01-01"})
    with pytest.raises(DataValidationError, match=r"old_id are floating point"):
        resolve_customer_merges(floats)


def test_rows_get_their_customer() -> None:
    found = resolve_customer_merges(as_frame(crafted()))
    rows = pd.DataFrame({"customer_id": [" 10", "9", "nobody", "", None, "null"], "n": range(6)})
    resolved = apply_merge_map(rows, found)
    assert resolved["customer_id"].tolist()[:3] == ["o'b", "o'b", "nobody"]
    assert resolved["customer_id"].isna().tolist() == [False, False, False, True, True, True]
    assert resolved["n"].tolist() == list(range(6))
    assert resolved["source_customer_id"].iloc[0] == " 10"
    numbers = pd.DataFrame({"user": [10, 9, 7]})
    assert apply_merge_map(numbers, found.merge_map, id_column="user")["customer_id"].tolist() == [
        "o'b",
        "o'b",
        "7",
    ]
    with pytest.raises(DataValidationError, match="customer_id beside user"):
        apply_merge_map(rows.assign(user="a"), found, id_column="user")


def test_a_table_of_the_warehouse_gets_its_customers(crafted_database: Path, tmp_path: Path) -> None:
    database = Path(shutil.copy(crafted_database, tmp_path / "warehouse.duckdb"))
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "create table main.tickets as select * from (values (1, ' 10'), (2, 'new'), (3, '')) as t (n, u)"
        )
    query = "select n, customer_id from ({{ segmentry.apply_merge_map('main.tickets', 'u') }}) as tickets order by n"
    shown = run_dbt("--quiet", "show", "--inline", query, "--output", "json", database=database)
    rows = json.loads(shown.stdout[shown.stdout.index("{") :])["show"]
    assert [row["customer_id"] for row in rows] == ["o'b", "new", None]


def followed(pairs: dict[str, str]) -> dict[str, str]:
    """Return where each id ends, by a plain loop; ids in cycles stay themselves."""
    ends = {}
    for id_ in pairs.keys() | set(pairs.values()):
        at, seen = id_, {id_}
        while at in pairs and pairs[at] not in seen:
            at = pairs[at]
            seen.add(at)
        ends[id_] = id_ if at in pairs else at
    return ends


@pytest.mark.skipif(not SHARED.exists(), reason="the real data sets are not here")
def test_real_merges_of_taxa_and_languages() -> None:
    taxa = pd.read_parquet(SHARED / "ncbi_taxonomy_merges.parquet")
    taxa = taxa[["old_id", "new_id", "merged_at"]].astype(str)
    found = resolve_customer_merges(taxa, max_cluster_size=10_000).merge_map
    ends = followed(dict(zip(taxa["old_id"], taxa["new_id"], strict=True)))
    assert dict(zip(found["id"], found["customer_id"], strict=True)) == ends
    assert set(found["status"]) == {"survivor", "direct"}

    languages = pd.read_parquet(SHARED / "iana_language_subtags.parquet")
    for _, rows in languages.groupby("record_type"):
        history = rows[["old_id", "new_id", "merged_at"]].astype(str)
        # "nan" is the subtag of Min Nan Chinese: a placeholder by default, and an id here.
        resolution = resolve_customer_merges(history, max_cluster_size=10_000, id_placeholders=[])
        real = rows[rows["old_id"] != rows["new_id"]]
        assert (resolution.rejects["reason"] == "self_merge").sum() == len(rows) - len(real)
        ends = followed(dict(zip(real["old_id"], real["new_id"], strict=True)))
        assert dict(zip(resolution.merge_map["id"], resolution.merge_map["customer_id"], strict=True)) == ends


@pytest.mark.skipif(not SHARED.exists(), reason="the real data sets are not here")
@pytest.mark.parametrize(
    ("example", "source"), [("cdnow", "cdnow_sample"), ("online_retail", "online_retail_2010_2011")]
)
def test_customers_split_over_aliases_have_the_profiles_of_the_unsplit(
    example: str, source: str, tmp_path: Path
) -> None:
    target = tmp_path / "events.parquet"
    mapping = [str(ROOT / "examples" / name) for name in ("map.py", f"{example}.sql")]
    subprocess.run([sys.executable, *mapping, str(SHARED / f"{source}.parquet"), str(target)], check=True)
    events = duckdb.sql(f"select * from '{target}' where customer_id is not null").to_arrow_table()
    rng = random.Random(7)
    history: list[Statement] = []
    aliases: dict[str, list[str]] = {}
    for customer in sorted(set(events.column("customer_id").to_pylist()), key=str):
        names = [str(customer)]
        for number in range(rng.randint(0, 3)):
            # Into any id that is there already: chains and stars of aliases, all of which end at the customer.
            alias = f"{customer}/{number}"
            history.append(Statement(alias, rng.choice(names), START))
            names.append(alias)
        aliases[str(customer)] = names
    split = [rng.choice(aliases[str(customer)]) for customer in events.column("customer_id").to_pylist()]
    index = events.column_names.index("customer_id")
    columns = list(events.columns)
    columns[index] = pa.array(split)
    inputs = {
        "segmentry_demo_events": pa.table(columns, names=events.column_names),
        "segmentry_demo_id_history": text_table(raw_rows(history), COLUMNS),
        "segmentry_exchange_rates": pa.table({"currency": ["EUR", "GBP", "USD"], "rate": [1.0, 1.0, 1.0]}),
    }
    model = "int_segmentry__profiles_joined"
    after = run_models([model], inputs)[model]
    whole = {**inputs, "segmentry_demo_events": events, "segmentry_demo_id_history": text_table([], COLUMNS)}
    before = run_models([model], whole)[model]
    assert after["merged_id_count"].sum() == len(history) > 1000
    pd.testing.assert_frame_equal(
        after.drop(columns="merged_id_count").sort_values("customer_id", ignore_index=True),
        before.drop(columns="merged_id_count").sort_values("customer_id", ignore_index=True),
    )


PAGE = ROOT / "docs" / "methods" / "identity.md"
# The pictures of the page.
SMALL = pd.DataFrame(
    [
        ("phone", "web", "2026-01-05"),
        ("web", "anna", "2026-01-06"),
        ("card", "anna", "2026-01-05"),
        ("card", "ben", "2026-01-07"),
        ("x", "y", "2026-01-05"),
        ("y", "x", "2026-01-06"),
        ("tablet", "x", "2026-01-07"),
    ],
    columns=["old_id", "new_id", "merged_at"],
)


def test_the_page_says_what_each_policy_does() -> None:
    policies: dict[str, dict[str, Any]] = {
        "as shipped": {},
        "conflict: earliest": {"conflict_policy": "earliest"},
        "cycle: latest_wins": {"cycle_policy": "latest_wins"},
        "depth above 1: quarantine": {"max_merge_depth": 1, "max_merge_depth_policy": "quarantine"},
        "more than 2 ids: quarantine": {"max_cluster_size": 2, "max_cluster_size_policy": "quarantine"},
    }
    columns = []
    for options in policies.values():
        found = resolve_customer_merges(SMALL, **options).merge_map
        columns.append({row.id: f"{row.customer_id} ({row.status})" for row in found.itertuples()})
    lines = [f"| id | {' | '.join(policies)} |", "|---" * (len(policies) + 1) + "|"]
    for id_ in ("phone", "web", "anna", "card", "ben", "x", "y", "tablet"):
        lines.append(f"| {id_} | {' | '.join(column.get(id_, 'not in the map') for column in columns)} |")
    text = PAGE.read_text()
    shown = text[text.index("<!-- policies -->\n") : text.index("\n<!-- end of policies -->")]
    assert shown.splitlines()[1:] == lines


def test_the_page_shows_what_an_explanation_says(tmp_path: Path) -> None:
    database = tmp_path / "warehouse.duckdb"
    put(
        database,
        [
            Statement(row.old_id, row.new_id, datetime.fromisoformat(row.merged_at))
            for row in SMALL.itertuples()
        ],
    )
    assert not run_on(database, f"+{MAP}")
    text = PAGE.read_text()
    shown = text[text.index("<!-- explanation -->") :].split("```")[1].strip("\n")
    assert str(explain_merge("card", database)) == shown


def test_the_python_of_the_page_runs() -> None:
    blocks = PAGE.read_text().split("```python\n")[1:]
    assert blocks
    names: dict[str, Any] = {}
    exec(blocks[0].split("```")[0], names)
    assert names["tickets"]["customer_id"].tolist() == ["anna", "ben"]
