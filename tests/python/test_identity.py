"""The identity layer against an independent oracle, on histories as dirty as we could think of."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from compiled import run, text_table
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from oracle_identity import WHITE_SPACE, Resolution, Statement, resolve

EXAMPLES = int(os.environ.get("SEGMENTRY_EXAMPLES", "100"))
COLUMNS = ["old_id", "new_id", "merged_at", "ingested_at", "source", "operation"]
TYPED = "int_segmentry__id_merges_typed"
EDGES = "int_segmentry__merge_edges_ranked"
WALKED = ["int_segmentry__merge_trees_walked", "int_segmentry__merge_cycles_walked"]
RESOLVED = "int_segmentry__merges_resolved"
MAP = "int_segmentry__merge_map_resolved"
START = datetime(2024, 3, 1)
NEVER = datetime(2900, 1, 1)
# Everything generated lies years before the clock or centuries behind it: today does not matter.
LATEST_PLAUSIBLE = datetime(2500, 1, 1)

ids = st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "A", "10", "9", "é", "x y", "o'b", "🙂"])
not_ids = st.sampled_from([None, "", " \t", "\u00a0\u2003", "null", "NaN", " None ", "0", "N/A\n", "Unknown"])
padding = st.text(st.sampled_from(WHITE_SPACE), max_size=2)
written_ids = st.one_of(
    ids,
    ids,
    ids,
    ids,
    ids,
    ids,
    st.builds(lambda left, id_, right: left + id_ + right, padding, ids, padding),
    not_ids,
)
# Few moments, so that ties are common.
moments = st.integers(0, 7).map(lambda hours: START + timedelta(hours=hours))
merge_times = st.one_of(moments, moments, moments, moments, moments, moments, st.sampled_from([None, NEVER]))
operations = st.sampled_from(
    [None, None, None, "merge", " Merge", "unmerge", "UNMERGE ", "unmerge", "split", ""]
)
statements = st.builds(
    Statement,
    old_id=written_ids,
    new_id=written_ids,
    merged_at=merge_times,
    ingested_at=st.one_of(st.none(), moments),
    source=st.sampled_from([None, "crm", "login"]),
    operation=operations,
)
plain_merges = st.builds(Statement, old_id=ids, new_id=ids, merged_at=moments)


def ring(members: Sequence[str]) -> list[Statement]:
    """Each id into the next, the last into the first."""
    return [
        Statement(old, new, START + timedelta(hours=hour))
        for hour, (old, new) in enumerate(zip(members, [*members[1:], members[0]], strict=True))
    ]


# Few ids at few moments: rivals that only their arrival or their name tells apart, repeats, contradictions.
crowds = st.lists(
    st.builds(
        Statement,
        old_id=st.sampled_from(["a", "a", "b"]),
        new_id=st.sampled_from(["b", "c", "d"]),
        merged_at=st.sampled_from([START, START + timedelta(hours=1)]),
        ingested_at=st.one_of(st.none(), st.integers(0, 3).map(lambda hours: START + timedelta(hours=hours))),
        operation=st.sampled_from([None, "merge", "merge", "unmerge"]),
    ),
    max_size=12,
)
rings = st.lists(ids, min_size=2, max_size=5, unique=True).map(ring)
histories = st.one_of(
    st.lists(statements, max_size=25),
    st.lists(plain_merges, max_size=25),
    crowds,
    st.tuples(rings, st.lists(plain_merges, max_size=6), st.lists(statements, max_size=6)).map(
        lambda parts: [row for part in parts for row in part]
    ),
)


def written(time: datetime | None, style: int) -> str | None:
    """Return a time in one of the spellings that mean the same instant."""
    if time is None:
        return None
    spellings = [
        time.strftime("%Y-%m-%d %H:%M:%S"),
        time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        (time + timedelta(hours=2)).strftime("%Y-%m-%d %H:%M:%S+02"),
        (time - timedelta(hours=5, minutes=30)).strftime("%Y-%m-%dT%H:%M:%S.000-05:30"),
    ]
    return spellings[style % len(spellings)]


def raw_rows(history: Iterable[Statement]) -> list[dict[str, Any]]:
    """Return the history as text, as a CSV file has it."""
    return [
        {
            "old_id": row.old_id,
            "new_id": row.new_id,
            "merged_at": written(row.merged_at, style) if row.merged_at else [None, "", "soon"][style % 3],
            "ingested_at": written(row.ingested_at, style + 1),
            "source": row.source,
            "operation": row.operation,
        }
        for style, row in enumerate(history)
    ]


def build(
    history: Sequence[Statement], replace: dict[str, str] | None = None, **options: Any
) -> dict[str, pd.DataFrame]:
    """Run the models over a history."""
    inputs = {"segmentry_demo_id_history": text_table(raw_rows(history), COLUMNS)}
    return run(
        [TYPED, EDGES, RESOLVED, MAP],
        inputs,
        {f"segmentry_{name}": value for name, value in options.items()},
        replace,
    )


def moment(value: Any) -> datetime | None:
    """Return a time of a frame as Python's, None for NaT."""
    return None if pd.isna(value) else pd.Timestamp(value).to_pydatetime()


def found_places(frames: dict[str, pd.DataFrame]) -> dict[str, tuple[Any, ...]]:
    """Return the merge map of the models as a dict; an id twice is an error."""
    table = frames[MAP]
    assert table["id"].is_unique
    return {
        row.id: (row.customer_id, row.depth, row.status, moment(row.merged_at))
        for row in table.itertuples(index=False)
    }


def assert_equal(frames: dict[str, pd.DataFrame], expected: Resolution) -> None:
    """Compare all that the models found with the oracle."""
    assert found_places(frames) == {
        id_: (place.customer_id, place.depth, place.status, place.merged_at)
        for id_, place in expected.places.items()
    }
    edges = {
        (row.old_id, row.new_id): (
            *map(moment, (row.merged_at, row.first_seen_at, row.last_seen_at)), row.seen_count, row.conflict_rank,
        )
        for row in frames[EDGES].itertuples(index=False)
    }  # fmt: skip
    assert edges == {
        pair: (edge.merged_at, edge.first_seen_at, edge.last_seen_at, edge.seen_count, edge.conflict_rank)
        for pair, edge in expected.edges.items()
    }
    members = frames[RESOLVED].dropna(subset="cycle_position").sort_values(["cycle_id", "cycle_position"])
    cycles = {cycle_id: rows for cycle_id, rows in members.groupby("cycle_id", sort=True)}
    assert {cycle_id: list(rows["id"]) for cycle_id, rows in cycles.items()} == expected.cycles
    for rows in cycles.values():
        assert list(rows["cycle_position"]) == list(range(1, len(rows) + 1))
        assert set(rows["cycle_length"]) == {len(rows)}
        assert list(rows["next_id"]) == [*rows["id"][1:], rows["id"].iloc[0]]


# Every policy in some set, and no more sets than needed: each is compiled once.
POLICIES: list[dict[str, Any]] = [
    {"conflict_policy": "latest", "cycle_policy": "quarantine"},
    {
        "conflict_policy": "earliest",
        "cycle_policy": "latest_wins",
        "max_merge_depth": 2,
        "max_cluster_size": 4,
    },
    {
        "conflict_policy": "latest",
        "cycle_policy": "latest_wins",
        "max_merge_depth": 1,
        "max_merge_depth_policy": "quarantine",
        "max_cluster_size": 3,
        "max_cluster_size_policy": "quarantine",
    },
]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=histories, policy=st.sampled_from(POLICIES), order=st.randoms(use_true_random=False))
@example(history=[], policy=POLICIES[0], order=random.Random(0))
def test_random_histories_agree_with_the_oracle(
    history: list[Statement], policy: dict[str, Any], order: random.Random
) -> None:
    frames = build(history, **policy)
    expected = resolve(history, latest_plausible=LATEST_PLAUSIBLE, **policy)
    assert_equal(frames, expected)

    typed_rejects = Counter(frames[TYPED]["reject_reason"].dropna())
    assert typed_rejects == Counter(
        {reason: n for reason, n in expected.rejects.items() if reason != "unmerge_without_merge"}
    )
    # Nothing is lost: each row is an edge, lost a conflict, repeats or reverses one, was closed, or is rejected.
    assert len(history) == (
        len(frames[EDGES])
        + expected.duplicate_count
        + expected.superseded_count
        + expected.closed_count
        + sum(expected.rejects.values())
    )
    assert int(frames[EDGES]["seen_count"].sum()) == len(frames[EDGES]) + expected.duplicate_count

    places = found_places(frames)
    for id_, (customer_id, depth, _, _) in places.items():
        assert places[customer_id][:2] == (customer_id, 0), (
            f"{id_} resolves to {customer_id}, which resolves further"
        )
        assert (id_ == customer_id) == (depth == 0)

    # A second build for one in three examples is enough to see that order never matters.
    if order.random() > 1 / 3:
        return
    shuffled = list(history)
    order.shuffle(shuffled)
    assert found_places(build(shuffled, **policy)) == places


@settings(max_examples=max(EXAMPLES // 4, 1), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    history=histories,
    as_of=st.integers(-30, 8 * 60).map(lambda minutes: START + timedelta(minutes=minutes - minutes % 30)),
)
def test_an_earlier_view_knows_nothing_of_later_merges(history: list[Statement], as_of: datetime) -> None:
    placeholder = "2001-02-03 04:05:06"
    frames = build(history, {placeholder: str(as_of)}, merge_as_of=placeholder)
    assert_equal(frames, resolve(history, latest_plausible=LATEST_PLAUSIBLE, merge_as_of=as_of))
    known = [row for row in history if row.merged_at is None or row.merged_at < as_of]
    assert found_places(build(known, conflict_policy="latest", cycle_policy="quarantine")) == found_places(
        frames
    )


def test_every_white_space_character_is_stripped() -> None:
    history = [
        Statement(f"{space}old{number}{space}", f"new{space}x{space}{space}", START)
        for number, space in enumerate(WHITE_SPACE)
    ]
    found = found_places(build(history))
    assert {id_: found[id_][0] for id_ in found if id_.startswith("old")} == {
        f"old{number}": f"new{space}x" for number, space in enumerate(WHITE_SPACE)
    }


def test_case_is_kept_unless_asked() -> None:
    history = [Statement("Ann", "bob", START), Statement("BOB", "Carl", START)]
    assert {id_: place[0] for id_, place in found_places(build(history)).items()} == {
        "Ann": "bob", "bob": "bob", "BOB": "Carl", "Carl": "Carl",
    }  # fmt: skip
    assert {id_: place[0] for id_, place in found_places(build(history, id_case="lower")).items()} == {
        "ann": "carl", "bob": "carl", "carl": "carl",
    }  # fmt: skip


def test_no_placeholder_is_a_possible_setting() -> None:
    frames = build([Statement("unknown", "0", START)], id_placeholders=[])
    assert {id_: place[0] for id_, place in found_places(frames).items()} == {"unknown": "0", "0": "0"}


@pytest.mark.parametrize("optional", ["ingested_at", "source", "operation"])
def test_optional_columns_may_be_missing(optional: str) -> None:
    rows = raw_rows([Statement("a", "b", START), Statement("b", "c", START)])
    columns = [name for name in COLUMNS if name != optional]
    frames = run([MAP], {"segmentry_demo_id_history": text_table(rows, columns)})
    assert {id_: place[:2] for id_, place in found_places(frames).items()} == {
        "a": ("c", 2),
        "b": ("c", 1),
        "c": ("c", 0),
    }


def test_times_may_be_of_any_time_type() -> None:
    rows = pd.DataFrame({"old_id": [1, 2], "new_id": [2, 3], "merged_at": pd.to_datetime([START, START])})
    zoned = rows.assign(merged_at=rows["merged_at"].dt.tz_localize("Europe/Prague"))
    dated = rows.assign(merged_at=rows["merged_at"].dt.date)
    expected = {"merged_at": START, "zoned": START - timedelta(hours=1), "dated": START}
    for name, table in {"merged_at": rows, "zoned": zoned, "dated": dated}.items():
        places = found_places(run([MAP], {"segmentry_demo_id_history": table}))
        assert places == {
            "1": ("3", 2, "chain", expected[name]),
            "2": ("3", 1, "direct", expected[name]),
            "3": ("3", 0, "survivor", None),
        }  # fmt: skip


def test_a_chain_of_20_000_is_exact_in_any_order_of_rows() -> None:
    length = 20_000
    numbers = list(range(length))
    random.Random(1).shuffle(numbers)
    history = [Statement(f"i{number}", f"i{number + 1}", START) for number in numbers]
    table = build(history)[MAP]
    assert len(table) == length + 1
    assert set(table["customer_id"]) == {f"i{length}"}
    assert (table["depth"] == length - table["id"].str[1:].astype(int)).all()
    assert table["status"].value_counts().to_dict() == {"oversized": length + 1}


def test_large_cycles_with_tails_and_trees_beside_them() -> None:
    rng = random.Random(2)
    history: list[Statement] = []
    for size in [2, 3, 50, 700]:
        members = [f"c{size}-{number}" for number in range(size)]
        rng.shuffle(members)
        history += ring(members)
        for tail in range(5):
            entry = rng.choice(members)
            names = [f"t{size}-{tail}-{number}" for number in range(rng.randint(1, 40))]
            history += [
                Statement(old, new, START) for old, new in zip(names, [*names[1:], entry], strict=True)
            ]
    history += [Statement(f"leaf{number}", f"leaf{number // 3}", START) for number in range(1, 300)]
    rng.shuffle(history)
    for policy in POLICIES:
        assert_equal(build(history, **policy), resolve(history, latest_plausible=LATEST_PLAUSIBLE, **policy))


@pytest.mark.parametrize(("conflict_policy", "kept"), [("latest", "c"), ("earliest", "b")])
def test_rivals_of_one_moment_are_told_apart_by_when_that_statement_came_in(
    conflict_policy: str, kept: str
) -> None:
    hour = [START + timedelta(hours=hours) for hours in range(10)]
    history = [
        Statement("a", "b", hour[0], hour[1]),
        Statement("a", "b", hour[3], hour[0]),
        Statement("a", "b", hour[2], hour[9]),
        Statement("a", "c", hour[3], hour[1]),
        Statement("a", "c", hour[0], hour[2]),
    ]
    found = build(history, conflict_policy=conflict_policy)
    assert_equal(found, resolve(history, latest_plausible=LATEST_PLAUSIBLE, conflict_policy=conflict_policy))
    assert found_places(found)["a"][0] == kept
