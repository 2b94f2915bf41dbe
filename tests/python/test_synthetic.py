"""The synthetic data is what its module says: sound, countably dirty, reproducible, recoverable."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentry import synthetic
from segmentry.exceptions import ConfigurationError
from segmentry.synthetic import (
    ARCHETYPES,
    DEMO,
    DEPARTMENTS,
    EVENT_COLUMNS,
    EVENT_TYPES,
    ID_HISTORY_COLUMNS,
    TRUTH_COLUMNS,
    Dataset,
    EventDefects,
    GeneratorConfig,
    MergeDefects,
    archetype_table,
    generate_dataset,
    generate_events,
    generate_id_history,
    generate_small_dataset,
    write_dataset,
    write_demo,
)

ROOT = Path(__file__).parents[2]
CONFIG = GeneratorConfig(n_customers=2_500, seed=11, several_ids=0.4, dirt=4.0)


@pytest.fixture(scope="module")
def clean() -> Dataset:
    return generate_dataset(CONFIG, dirt=0)


@pytest.fixture(scope="module")
def dirty() -> Dataset:
    return generate_dataset(CONFIG)


@pytest.fixture(scope="module")
def database(clean: Dataset) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1, "python_enable_replacements": False})
    for name in ("events", "id_history", "truth"):
        connection.register(name, getattr(clean, name))
    connection.execute(
        """
        create table known as
        select truth.person_id, truth.archetype, events.*
        from events inner join truth on truth.raw_id = events.customer_id
        """
    )
    connection.execute(
        """
        create table visits as
        select
            session_id, person_id, archetype,
            min(event_at) as begun_at,
            count(*) filter (where event_type in ('page_view', 'category_view', 'item_view')) as page_count,
            max(case when event_type = 'add_to_cart' then 1 else 0 end) as has_cart,
            max(case when event_type = 'purchase' then 1 else 0 end) as has_order
        from known where session_id is not null group by all
        """
    )
    return connection


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(f"select count(*) from ({query})").fetchone()
    assert row is not None
    return int(row[0])


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# -------- the tables


def test_columns_stand_in_the_documented_order(clean: Dataset) -> None:
    assert tuple(clean.events.columns) == EVENT_COLUMNS
    assert tuple(clean.id_history.columns) == ID_HISTORY_COLUMNS
    assert tuple(clean.truth.columns) == TRUTH_COLUMNS


def test_the_table_of_archetypes_is_sound() -> None:
    table = archetype_table()
    assert len(table) == table["name"].nunique() == 5
    assert table["share"].sum() == pytest.approx(1)
    for archetype in ARCHETYPES:
        assert len(archetype.season) == 12
        assert len(archetype.channels) == 6
        assert len(archetype.devices) == 3
        assert len(archetype.departments) == len(DEPARTMENTS)
        for weights in (archetype.channels, archetype.devices, archetype.departments):
            assert sum(weights) == pytest.approx(1)
        # Otherwise no probability of a cart would lead to the conversion.
        assert archetype.conversion < 1 - archetype.cart_abandonment
        for least, most in (archetype.tenure, archetype.silence):
            assert 0 <= least < most <= 1


def test_shares_of_archetypes_follow_the_table(clean: Dataset) -> None:
    found = clean.truth.drop_duplicates("person_id")["archetype"].value_counts()
    for archetype in ARCHETYPES:
        deviation = np.sqrt(CONFIG.n_customers * archetype.share * (1 - archetype.share))
        assert abs(found[archetype.name] - CONFIG.n_customers * archetype.share) < 4 * deviation


@pytest.mark.parametrize(("events", "months"), [(20, 24), (50, 24), (50, 6), (150, 36)])
def test_events_per_customer_are_met_on_average(events: float, months: int) -> None:
    found = generate_events(n_customers=2_000, events_per_customer=events, months=months, dirt=0)
    assert len(found) / 2_000 == pytest.approx(events, rel=0.06)


@pytest.mark.parametrize("archetype", ARCHETYPES, ids=lambda archetype: archetype.name)
def test_behaviour_follows_the_table(
    database: duckdb.DuckDBPyConnection, archetype: synthetic.Archetype
) -> None:
    person_count, visit_count, cart_count, order_count, weekend_count = database.execute(
        """
        select
            count(distinct person_id), count(*), sum(has_cart), sum(has_order),
            sum(case when isodow(begun_at) >= 6 then 1 else 0 end)
        from visits where archetype = ?
        """,
        [archetype.name],
    ).fetchall()[0]
    median_gross, discounted, refunds = database.execute(
        """
        select
            median(amount + discount_amount) filter (where event_type = 'purchase'),
            count(*) filter (where discount_amount > 0),
            count(*) filter (where event_type = 'refund')
        from known where archetype = ?
        """,
        [archetype.name],
    ).fetchall()[0]

    def allowed(share: float, count: int) -> float:
        # Persons differ (beta with concentration 40), so a share of dependent draws varies by both.
        return 5 * float(np.sqrt(share * (1 - share) * (1 / count + 1 / (40 * person_count) + 3e-4)))

    assert abs(order_count / visit_count - archetype.conversion) < allowed(archetype.conversion, visit_count)
    assert abs(1 - order_count / cart_count - archetype.cart_abandonment) < allowed(
        archetype.cart_abandonment, cart_count
    )
    assert abs(weekend_count / visit_count - archetype.weekend_share) < 0.03 + allowed(
        archetype.weekend_share, visit_count
    )
    assert abs(discounted / order_count - archetype.discount_share) < allowed(
        archetype.discount_share, order_count
    )
    # The last refunds are still to come when the window closes.
    margin = allowed(archetype.refund_rate, order_count)
    assert archetype.refund_rate * 0.8 - margin < refunds / order_count < archetype.refund_rate + margin
    assert abs(np.log(median_gross / archetype.order_value)) < 5 * 0.75 / np.sqrt(order_count / 2)


def test_persons_of_one_archetype_differ(database: duckdb.DuckDBPyConnection) -> None:
    """A visit rate that is the same for everybody would give Poisson counts; mixed rates spread wider."""
    mean, variance = database.execute(
        """
        select avg(visit_count), var_samp(visit_count)
        from (
            select person_id, count(*) as visit_count
            from visits where archetype = 'bargain_hunters' group by person_id
        )
        """
    ).fetchall()[0]
    assert variance > 1.5 * mean


# -------- the facts that hold in clean events


@pytest.mark.parametrize(
    ("fault", "query"),
    [
        (
            "an item without its purchase (order, visit, id, second)",
            """select 1 from events as item where event_type = 'purchase_item' and not exists (
                   select 1 from events as bought where bought.event_type = 'purchase'
                   and bought.order_id = item.order_id and bought.session_id = item.session_id
                   and bought.customer_id = item.customer_id and bought.event_at = item.event_at)""",
        ),
        (
            "a purchase without items",
            """select order_id from events where event_type in ('purchase', 'purchase_item')
               group by order_id having count(*) filter (where event_type = 'purchase_item') = 0""",
        ),
        (
            "an order bought twice",
            "select order_id from events where event_type = 'purchase' group by 1 having count(*) > 1",
        ),
        (
            "an item that was never put in the cart of its visit in this quantity",
            """select 1 from events as item where event_type = 'purchase_item' and not exists (
                   select 1 from events as cart where cart.event_type = 'add_to_cart'
                   and cart.session_id = item.session_id and cart.product_id = item.product_id
                   and cart.quantity = item.quantity)""",
        ),
        (
            "a refund above its order, before it, or of no order",
            """select 1 from events as refund
               left join events as bought
                   on bought.order_id = refund.order_id and bought.event_type = 'purchase'
               where refund.event_type = 'refund' and refund.order_id is not null
               and (bought.amount is null or refund.amount > bought.amount
                    or refund.event_at <= bought.event_at)""",
        ),
        (
            "a visit without exactly one start, or not starting with it",
            """select session_id from events where session_id is not null group by session_id
               having count(*) filter (where event_type = 'session_start') != 1
               or min(event_at) != min(event_at) filter (where event_type = 'session_start')""",
        ),
        (
            "a visit of two ids, channels or devices",
            """select session_id from events where session_id is not null group by session_id
               having count(distinct customer_id) > 1 or count(distinct channel) > 1
               or count(distinct device_type) > 1""",
        ),
        (
            "half an hour of silence within a visit",
            """select 1 from (select event_at - lag(event_at) over (
                   partition by session_id order by event_at) as pause
               from events where session_id is not null) where pause >= interval 30 minute""",
        ),
        (
            "cart, checkout, purchase out of order",
            """select session_id from events where session_id is not null group by session_id
               having max(event_at) filter (where event_type = 'add_to_cart')
                   > min(event_at) filter (where event_type = 'checkout')
               or min(event_at) filter (where event_type = 'checkout')
                   > min(event_at) filter (where event_type = 'purchase')
               or (count(*) filter (where event_type = 'purchase') > 0
                   and count(*) filter (where event_type = 'checkout') = 0)""",
        ),
        (
            "money where there should be none, none where there should be, or none in two decimals",
            """select 1 from events where (amount is not null) != (event_type in ('purchase', 'refund'))
               or amount <= 0 or amount != round(amount, 2)
               or (discount_amount is not null) != (event_type = 'purchase') or discount_amount < 0
               or (currency is not null) != (amount is not null) or currency != 'EUR'""",
        ),
        (
            "a time outside the window",
            "select 1 from events where event_at < '2024-10-01' or event_at >= '2026-10-01'",
        ),
        (
            "a product without a shelf or on two",
            """select product_id from events where product_id is not null group by product_id
               having count(distinct category) != 1 or count(*) != count(category)""",
        ),
        (
            "an item row without product, or without the third level",
            """select 1 from events where event_type in ('item_view', 'add_to_cart', 'purchase_item')
               and (product_id is null or len(string_split(category, ' > ')) != 3)""",
        ),
        (
            "a quantity elsewhere than in carts and items",
            """select 1 from events
               where (quantity is not null) != (event_type in ('add_to_cart', 'purchase_item'))
               or quantity < 1""",
        ),
        (
            "an id of nobody",
            """select 1 from events anti join truth on truth.raw_id = events.customer_id
               union all select 1 from id_history anti join truth on truth.raw_id = id_history.old_id
               union all select 1 from id_history anti join truth on truth.raw_id = id_history.new_id""",
        ),
        ("a person without events", "select 1 from truth anti join known using (person_id)"),
        (
            "a person of two archetypes",
            "select 1 from truth group by person_id having count(distinct archetype) > 1",
        ),
        (
            "a churned customer who came back in the last two months",
            """select 1 from known where archetype = 'churning_customers' and event_type != 'refund'
               and event_at >= '2026-08-01'""",
        ),
        (
            "a new customer seen before the last quarter",
            "select 1 from known where archetype = 'new_customers' and event_at < '2026-07-01'",
        ),
    ],
)
def test_no_clean_event_has(database: duckdb.DuckDBPyConnection, fault: str, query: str) -> None:
    assert _count(database, query) == 0, fault


def test_every_event_type_and_category_level_occurs(clean: Dataset) -> None:
    assert set(clean.events["event_type"]) == set(EVENT_TYPES)
    paths = clean.events["category"].dropna().unique()
    assert {path.count(" > ") for path in paths} == {0, 1, 2}
    known = {
        part
        for department, groups in DEPARTMENTS.items()
        for group, shelves in groups.items()
        for part in (
            department,
            f"{department} > {group}",
            *(f"{department} > {group} > {shelf}" for shelf in shelves),
        )
    }
    assert set(paths) <= known


def test_most_refunds_name_their_order_but_not_all(clean: Dataset) -> None:
    named = clean.events.loc[clean.events["event_type"] == "refund", "order_id"].notna().mean()
    assert 0.88 < named < 1


def test_events_do_not_give_the_truth_away(clean: Dataset) -> None:
    names = {archetype.name for archetype in ARCHETYPES}
    for column in clean.events.columns:
        assert names.isdisjoint(clean.events[column].astype(str))
    # Aliases of a person are neither alike in text nor next to each other in order.
    number = clean.truth["raw_id"].str[1:].map(lambda digits: int(digits, 16))
    distance = number.groupby(clean.truth["person_id"]).diff().abs().dropna()
    assert distance.median() > 2**20


def test_busy_evenings_do_not_outlast_the_window() -> None:
    events = generate_events(n_customers=600, months=1, events_per_customer=300, dirt=0)
    end = pd.Timestamp("2026-10-01")
    assert (events["event_at"] >= end - pd.Timedelta(minutes=30)).sum() > 20
    assert events["event_at"].max() < end


# -------- merges


def _follow(edges: dict[str, str], raw_id: str) -> tuple[str, int]:
    seen = {raw_id}
    depth = 0
    while raw_id in edges:
        raw_id = edges[raw_id]
        depth += 1
        assert raw_id not in seen, "a cycle"
        seen.add(raw_id)
    return raw_id, depth


def test_clean_history_leads_every_id_to_its_person(clean: Dataset) -> None:
    history = clean.id_history
    assert history["old_id"].is_unique
    assert history.notna().all(axis=None)
    edges = dict(zip(history["old_id"], history["new_id"], strict=True))
    paths = [_follow(edges, raw_id) for raw_id in clean.truth["raw_id"]]
    assert [survivor for survivor, _ in paths] == clean.truth["person_id"].tolist()
    assert max(depth for _, depth in paths) >= 3
    several = (clean.truth.groupby("person_id").size() > 1).mean()
    assert several == pytest.approx(CONFIG.several_ids, abs=0.05)


def test_some_merges_are_late_and_some_retired_ids_live_on(clean: Dataset) -> None:
    late = (clean.id_history["merged_at"] >= pd.Timestamp(CONFIG.end_date)).mean()
    assert late == pytest.approx(CONFIG.late_merges, abs=0.02)
    latest = pd.Timestamp(CONFIG.end_date) + pd.Timedelta(days=21)
    assert clean.id_history["merged_at"].max() <= latest
    joined = clean.events.merge(clean.id_history, left_on="customer_id", right_on="old_id")
    lagging = (joined["event_at"] > joined["merged_at"] + pd.Timedelta(days=1)).mean()
    assert 0 < lagging < 0.2


def test_one_id_each_when_asked() -> None:
    data = generate_dataset(n_customers=200, several_ids=0)
    assert len(data.truth) == 200
    assert data.id_history.query("source != 'import'").empty


# -------- defects


def test_rejecting_the_planted_defects_leaves_the_clean_events(clean: Dataset, dirty: Dataset) -> None:
    events = dirty.events.reset_index(drop=True)
    amount = pd.to_numeric(events["amount"], errors="coerce")
    extra = events["event_id"].duplicated(keep="first")
    originals = events.drop_duplicates("event_id").set_index("event_id").loc[events["event_id"]].reset_index()
    same = ((originals == events) | (originals.isna() & events.isna())).all(axis=1)
    found = {
        "missing_customer": events["customer_id"].fillna("").str.strip() == "",
        "missing_time": events["event_at"].isna(),
        "future_time": events["event_at"] > pd.Timestamp("2090-01-01"),
        "unknown_type": ~events["event_type"].isin(EVENT_TYPES),
        "unparsable_amount": events["amount"].notna() & amount.isna(),
        "negative_purchase": (events["event_type"] == "purchase") & (amount < 0),
        "unknown_currency": events["currency"].notna() & (events["currency"] != CONFIG.currency),
        "duplicate": extra & same,
        "conflicting_duplicate": extra & ~same,
    }
    assert {kind: int(rows.sum()) for kind, rows in found.items()} == dirty.planted["events"]
    assert all(dirty.planted["events"].values())
    defects = pd.concat(found, axis=1).sum(axis=1)
    assert defects.max() == 1
    kept = events[defects == 0].assign(amount=amount).reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, clean.events, check_dtype=False)


def test_cleaning_the_history_leaves_the_clean_merges(clean: Dataset, dirty: Dataset) -> None:
    history = dirty.id_history.copy()
    planted = dirty.planted["id_history"]
    assert all(planted.values())
    found: Counter[str] = Counter()

    def reject(kind: str, rows: pd.Series) -> None:
        nonlocal history
        found[kind] += int(rows.sum())
        history = history[~rows]

    reject("empty_old_id", history["old_id"].fillna("") == "")
    reject("empty_new_id", history["new_id"].fillna("") == "")
    reject("placeholder_id", (history["old_id"] == "unknown") | (history["new_id"] == "unknown"))
    reject("missing_merged_at", history["merged_at"].isna())
    reject("self_merge", history["old_id"] == history["new_id"])
    reject("duplicate", history.duplicated())
    latest = history.sort_values("merged_at").drop_duplicates("old_id", keep="last").index
    reject("conflict", pd.Series(~history.index.isin(latest), history.index))

    edges = dict(zip(history["old_id"], history["new_id"], strict=True))
    moments = dict(zip(history["old_id"], history["merged_at"], strict=True))
    reopened: set[str] = set()
    for start in sorted(edges):
        path = [start]
        while path[-1] in edges and edges[path[-1]] not in path:
            path.append(edges[path[-1]])
        if path[-1] in edges:
            cycle = path[path.index(edges[path[-1]]) :]
            newest = max(cycle, key=lambda member: moments[member])
            # "Latest wins": the target of the newest merge survives, its own way out is cut.
            reopened.add(edges[newest])
    reject("cycle", history["old_id"].isin(reopened))

    assert dict(found) == planted
    expected = clean.id_history.sort_values("old_id").reset_index(drop=True)
    pd.testing.assert_frame_equal(history.sort_values("old_id").reset_index(drop=True), expected)


def test_a_planted_conflict_points_at_a_stranger(dirty: Dataset) -> None:
    person = dirty.truth.set_index("raw_id")["person_id"]
    imported = dirty.id_history.query("source == 'import'").dropna()
    pairs = imported[imported["old_id"].isin(person.index) & imported["new_id"].isin(person.index)]
    strangers = person[pairs["old_id"]].to_numpy() != person[pairs["new_id"]].to_numpy()
    assert strangers.sum() == dirty.planted["id_history"]["conflict"]


def test_clean_sets_plant_nothing(clean: Dataset) -> None:
    assert {name: sum(kinds.values()) for name, kinds in clean.planted.items()} == {
        "events": 0,
        "id_history": 0,
    }


def test_defect_rates_are_configurable() -> None:
    only = generate_dataset(
        n_customers=300,
        event_defects=EventDefects(**dict.fromkeys(EventDefects.model_fields, 0) | {"duplicate": 0.5}),
        merge_defects=MergeDefects(**dict.fromkeys(MergeDefects.model_fields, 0)),
    )
    clean_count = only.events["event_id"].nunique()
    assert only.planted["events"].pop("duplicate") == pytest.approx(clean_count / 2, abs=1)
    assert not any(only.planted["events"].values())
    assert not any(only.planted["id_history"].values())


def test_no_row_is_doubled_twice() -> None:
    defects = EventDefects(duplicate=0.4, conflicting_duplicate=0.4)
    data = generate_dataset(n_customers=100, event_defects=defects)
    assert data.events["event_id"].value_counts().max() == 2


# -------- files


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
@pytest.mark.parametrize("dirt", [0.0, 2.0])
def test_files_hold_what_memory_holds(tmp_path: Path, file_format: str, dirt: float) -> None:
    config = GeneratorConfig(n_customers=150, dirt=dirt)
    summary = write_dataset(config, tmp_path, file_format)  # type: ignore[arg-type]
    data = generate_dataset(config)
    assert json.loads((tmp_path / "planted.json").read_text()) == data.planted == summary.planted
    assert (summary.customers, summary.events) == (150, len(data.events))
    assert (summary.merges, summary.ids) == (len(data.id_history), len(data.truth))
    for name in ("events", "id_history", "truth"):
        path = tmp_path / f"{name}.{file_format}"
        reader = f"read_csv('{path}', all_varchar = true)" if file_format == "csv" else f"'{path}'"
        found = duckdb.connect().execute(f"select * from {reader}").df()
        expected = getattr(data, name).copy()
        if file_format == "csv":
            for column in expected.columns:  # neither empty text nor numbers survive a CSV as such
                if pd.api.types.is_datetime64_any_dtype(found[column].dtype) or "_at" in column:
                    found[column] = pd.to_datetime(found[column])
                elif pd.api.types.is_numeric_dtype(expected[column].dtype):
                    found[column] = pd.to_numeric(found[column])
                else:
                    expected[column] = expected[column].replace("", None)
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_parquet_types(tmp_path: Path) -> None:
    def types(dirt: float) -> dict[str, str]:
        write_dataset(GeneratorConfig(n_customers=20, dirt=dirt), tmp_path)
        rows = duckdb.connect().execute(f"describe select * from '{tmp_path}/events.parquet'").fetchall()
        return {row[0]: row[1] for row in rows}

    pure = types(0)
    assert pure["event_at"] == "TIMESTAMP"
    assert pure["amount"] == pure["discount_amount"] == "DECIMAL(18,2)"
    assert pure["quantity"] == "INTEGER"
    assert {pure[name] for name in ("event_id", "customer_id", "event_type", "category")} == {"VARCHAR"}
    assert types(1) == pure | {"amount": "VARCHAR"}


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_same_configuration_same_bytes(tmp_path: Path, file_format: str) -> None:
    config = GeneratorConfig(n_customers=200, dirt=3)
    threads = pa.cpu_count()
    try:
        for name, count in (("one", 1), ("four", 4)):
            pa.set_cpu_count(count)
            write_dataset(config, tmp_path / name, file_format)  # type: ignore[arg-type]
    finally:
        pa.set_cpu_count(threads)
    write_dataset(config.model_copy(update={"seed": 1}), tmp_path / "other", file_format)  # type: ignore[arg-type]
    for path in sorted((tmp_path / "one").iterdir()):
        assert _hash(path) == _hash(tmp_path / "four" / path.name)
        if path.suffix != ".json":
            assert _hash(path) != _hash(tmp_path / "other" / path.name)


def test_many_blocks_make_one_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "BLOCK_CUSTOMERS", 60)
    config = GeneratorConfig(n_customers=250, dirt=2)
    for chunk in (1, 130, 10_000):
        write_dataset(config, tmp_path / f"{chunk}", "csv", chunk_customers=chunk)
    for name in ("events.csv", "id_history.csv", "truth.csv", "planted.json"):
        assert len({_hash(tmp_path / f"{chunk}" / name) for chunk in (1, 130, 10_000)}) == 1
    data = generate_dataset(config, dirt=0)
    assert data.truth["person_id"].nunique() == 250
    assert data.truth["raw_id"].is_unique
    assert data.events["event_id"].is_unique
    assert data.events.query("event_type == 'purchase'")["order_id"].is_unique
    assert data.events.query("event_type == 'session_start'")["session_id"].is_unique
    dirty = generate_dataset(config)
    extras = dirty.events["event_id"][dirty.events["event_id"].str.startswith("x")]
    assert extras.is_unique
    assert len(extras) == sum(
        count for kind, count in dirty.planted["events"].items() if "duplicate" not in kind
    )


# -------- the demonstration


def test_the_committed_seeds_are_what_the_documented_command_writes(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    script = ROOT / "scripts" / "generate_data.py"
    done = subprocess.run(
        [sys.executable, script, "--demo"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "1,000 customers" in done.stdout
    written = sorted((tmp_path / "seeds").iterdir())
    assert [path.name for path in written] == ["segmentry_demo_events.csv", "segmentry_demo_id_history.csv"]
    for path in written:
        assert _hash(path) == _hash(ROOT / "seeds" / path.name), f"{path.name}: run {script.name} --demo"
    assert written[0].stat().st_size <= 2_500_000


def test_the_demonstration_shows_every_defect_and_a_chain(tmp_path: Path) -> None:
    summary = write_demo(tmp_path)
    assert all(min(kinds.values()) >= 1 for kinds in summary.planted.values())
    history = generate_id_history(DEMO, dirt=0)
    edges = dict(zip(history["old_id"], history["new_id"], strict=True))
    assert max(_follow(edges, raw_id)[1] for raw_id in edges) >= 3


def test_the_script_passes_its_arguments_on(tmp_path: Path) -> None:
    arguments = ["--customers", "40", "--events-per-customer", "30", "--months", "12"]
    arguments += ["--end-date", "2025-03-01", "--seed", "5", "--dirt", "0", "--format", "csv"]
    script = ROOT / "scripts" / "generate_data.py"
    subprocess.run(
        [sys.executable, script, *arguments, "--output", tmp_path], check=True, capture_output=True
    )
    config = GeneratorConfig.model_validate(
        {
            "n_customers": 40,
            "events_per_customer": 30,
            "months": 12,
            "end_date": "2025-03-01",
            "seed": 5,
            "dirt": 0,
        }
    )
    write_dataset(config, tmp_path / "direct", "csv")
    for name in ("events.csv", "id_history.csv", "truth.csv", "planted.json"):
        assert _hash(tmp_path / name) == _hash(tmp_path / "direct" / name)
    times = pd.read_csv(tmp_path / "events.csv", parse_dates=["event_at"])["event_at"]
    assert times.min() >= pd.Timestamp("2024-03-01")
    assert times.max() < pd.Timestamp("2025-03-01")


# -------- doors


def test_the_doors_agree() -> None:
    data = generate_dataset(n_customers=60, seed=9, dirt=0)
    events, history = generate_small_dataset(n_customers=60, seed=9)
    for one, other in (
        (events, data.events),
        (history, data.id_history),
        (generate_events(GeneratorConfig(n_customers=60, seed=9), dirt=0), data.events),
        (generate_id_history(n_customers=60, seed=9, dirt=0), data.id_history),
    ):
        pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize(
    "wrong", [{"n_customers": 0}, {"customers": 5}, {"dirt": -1}, {"currency": "Euro"}, {"more_ids": 1.0}]
)
def test_wrong_settings_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        generate_events(**wrong)


def test_wrong_formats_and_chunks_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="xlsx"):
        write_dataset(GeneratorConfig(), tmp_path, "xlsx")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="chunk_customers"):
        write_dataset(GeneratorConfig(), tmp_path, chunk_customers=0)


@settings(max_examples=40, deadline=None)
@given(
    n_customers=st.integers(1, 30),
    events_per_customer=st.sampled_from([10.0, 50.0, 300.0]),
    months=st.integers(1, 40),
    seed=st.integers(0, 2**40),
    dirt=st.sampled_from([0.0, 1.0, 100.0]),
    several_ids=st.sampled_from([0.0, 0.5, 1.0]),
    more_ids=st.sampled_from([0.0, 0.97]),
)
def test_any_configuration_keeps_the_books(
    n_customers: int,
    events_per_customer: float,
    months: int,
    seed: int,
    dirt: float,
    several_ids: float,
    more_ids: float,
) -> None:
    config = GeneratorConfig(
        n_customers=n_customers,
        events_per_customer=events_per_customer,
        months=months,
        seed=seed,
        dirt=dirt,
        several_ids=several_ids,
        more_ids=more_ids,
    )
    data = generate_dataset(config)
    pure = generate_dataset(config, dirt=0)
    assert data.truth.equals(pure.truth)
    assert data.truth["person_id"].nunique() == n_customers
    assert len(data.events) == len(pure.events) + sum(data.planted["events"].values())
    assert len(data.id_history) == len(pure.id_history) + sum(data.planted["id_history"].values())
    end = pd.Timestamp(config.end_date)
    assert pure.events["event_at"].min() >= end - pd.DateOffset(months=months)
    assert pure.events["event_at"].max() < end
    assert set(pure.events["customer_id"]) <= set(pure.truth["raw_id"])
    edges = dict(zip(pure.id_history["old_id"], pure.id_history["new_id"], strict=True))
    assert len(edges) == len(pure.id_history) == len(pure.truth) - n_customers
    assert [_follow(edges, raw_id)[0] for raw_id in pure.truth["raw_id"]] == pure.truth["person_id"].tolist()


# -------- archetypes come back


def _features(data: Dataset) -> pd.DataFrame:
    """Make features as an analyst would; shares lean on the overall mean where there is little to go by."""
    events = data.events.merge(data.truth, left_on="customer_id", right_on="raw_id")
    by_person = events.groupby("person_id")
    end = events["event_at"].max()
    tenure = (end - by_person["event_at"].min()).dt.days
    months = tenure.clip(lower=30) / 30.4
    orders = events[events["event_type"] == "purchase"].groupby("person_id")
    order_count = orders.size().reindex(tenure.index, fill_value=0)
    discounted = orders["discount_amount"].agg(lambda discount: (discount > 0).sum())
    views = events["event_type"].isin(["page_view", "category_view", "item_view"])
    visits = (
        events.assign(
            views=views,
            cart=events["event_type"] == "add_to_cart",
            order=events["event_type"] == "purchase",
        )
        .groupby(["person_id", "session_id"])
        .agg(begun=("event_at", "min"), views=("views", "sum"), cart=("cart", "max"), order=("order", "max"))
    )
    visits["weekend"] = visits["begun"].dt.day_of_week >= 5
    visits["abandoned"] = visits["cart"] & ~visits["order"]
    per_person = visits.groupby("person_id")[["views", "cart", "weekend", "abandoned"]].sum()
    visit_count = visits.groupby("person_id").size()

    def share(part: pd.Series, whole: pd.Series) -> pd.Series:
        part = part.reindex(tenure.index, fill_value=0)
        return (part + 2 * part.sum() / whole.sum()) / (whole + 2)

    value = orders["amount"].mean().reindex(tenure.index)
    return pd.DataFrame(
        {
            "recency_days": (end - by_person["event_at"].max()).dt.days,
            "tenure_days": tenure,
            "orders_per_month": order_count / months,
            "sessions_per_month": visit_count / months,
            "pages_per_session": per_person["views"] / visit_count,
            "average_order_value": value.fillna(value.median()),
            "discount_share": share(discounted, order_count),
            "cart_abandonment": share(per_person["abandoned"], per_person["cart"]),
            "weekend_share": share(per_person["weekend"], visit_count),
        }
    ).sort_index()


@pytest.mark.parametrize("seed", [1, 2, 3, 42])
def test_archetypes_are_recoverable_but_not_trivial(seed: int) -> None:
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score, silhouette_score
    from sklearn.preprocessing import StandardScaler

    data = generate_dataset(n_customers=1_000, seed=seed, dirt=0)
    features = _features(data)
    truth = data.truth.drop_duplicates("person_id").set_index("person_id")["archetype"]
    scaled = StandardScaler().fit_transform(np.log1p(features.to_numpy(dtype=float)))
    found = KMeans(5, n_init=10, random_state=0).fit_predict(scaled)
    assert 0.8 <= adjusted_rand_score(truth.loc[features.index], found) < 0.99
    assert silhouette_score(scaled, found) < 0.5


def test_money_is_concentrated_and_heavy_tailed(clean: Dataset) -> None:
    bought = clean.events.query("event_type == 'purchase'").merge(
        clean.truth, left_on="customer_id", right_on="raw_id"
    )
    revenue = bought.groupby("person_id")["amount"].sum().sort_values(ascending=False)
    top = revenue.head(CONFIG.n_customers // 5).sum() / revenue.sum()
    assert 0.6 < top < 0.9
    for _, amounts in bought.groupby("archetype")["amount"]:
        assert amounts.mean() > 1.05 * amounts.median()
