"""Erasure: a customer with several ids vanishes from tables, histories, files and copies, and stays out."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from door import rows, run

import segmentry
from segmentry.generation import compact
from segmentry.publish import publish

KEY = "a secret of at least sixteen letters"
# Texts that occur nowhere else: as customer, ids merged into it, order, session and category.
SURVIVOR, LISTED = "planted-survivor", "planted-cookie-2"
IDS = [SURVIVOR, "planted-cookie-1", LISTED, "planted-cookie-3"]
MARK = "planted-"
FAST = {
    "segmentry_bootstrap_replicates": 2,
    "segmentry_null_replicates": 0,
    "segmentry_seed_replicates": 1,
    "segmentry_n_init": 1,
    "segmentry_k": 3,
}


class Shop:
    """Input files with the planted customer, a warehouse, and builds of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.output = directory / "output"
        self.database = self.output / "warehouse.duckdb"
        events, merges = segmentry.generate_small_dataset(n_customers=80, seed=5)
        self.bystander = str(merges["new_id"].iloc[0])
        with duckdb.connect() as connection:
            connection.register("events", events)
            connection.register("merges", merges)
            connection.execute(
                f"""
                copy (
                    select * from events
                    union all by name
                    select
                        'planted-event-' || row_number() over () as event_id,
                        id as customer_id,
                        timestamp '2026-01-01' + to_days(cast(day as integer)) as event_at,
                        event_type,
                        'planted-session-' || day as session_id,
                        'planted-order-' || day as order_id,
                        'planted-category' as category,
                        -- One of them is rejected and keeps its raw text.
                        case when event_type = 'refund' then null else 20.0 end as amount
                    from (select unnest({IDS}) as id), range(5) as days(day),
                        (select unnest(['purchase', 'item_view', 'refund']) as event_type)
                ) to '{directory}/events.parquet'
                """
            )
            # A chain, a direct merge, a conflict, a self-merge and an unmerge with a bystander.
            connection.execute(
                f"""
                copy (
                    select * from merges
                    union all by name
                    select * from (values
                        ('{IDS[1]}', '{LISTED}', timestamp '2025-01-01', 'merge'),
                        ('{LISTED}', '{SURVIVOR}', timestamp '2025-01-02', 'merge'),
                        ('{IDS[3]}', '{SURVIVOR}', timestamp '2025-01-03', 'merge'),
                        ('{IDS[1]}', '{self.bystander}', timestamp '2024-01-01', 'merge'),
                        ('{IDS[3]}', '{IDS[3]}', timestamp '2024-01-01', 'merge'),
                        ('{IDS[3]}', '{self.bystander}', timestamp '2024-01-01', 'unmerge')
                    ) as planted (old_id, new_id, merged_at, operation)
                ) to '{directory}/merges.parquet'
                """
            )
        self.erasures = directory / "erasures.csv"

    def build(self, *, listed: list[str]) -> str:
        """Build; the table of erasures names these ids. Return what went wrong, nothing when all is well."""
        self.erasures.write_text("\n".join(["customer_id", *listed]) + "\n")
        files = ["--events", self.directory / "events.parquet", "--erasures", self.erasures]
        files += ["--id-history", self.directory / "merges.parquet", "--output", self.output]
        done = run(*files, "--vars", json.dumps(FAST), cwd=self.directory)
        assert (done.returncode == 0) == ("Report:" in done.stdout)
        return done.stderr if done.returncode else ""

    def tables_with_mark(self) -> list[str]:
        """Every table of every schema with a text that was planted; the views over the input are the input."""
        found = []
        with duckdb.connect(str(self.database), read_only=True) as connection:
            columns = connection.sql(
                """
                select schema_name, table_name, column_name from duckdb_columns()
                where data_type = 'VARCHAR' and not internal
                    and table_name in (select table_name from duckdb_tables())
                """
            ).fetchall()
            assert len(columns) > 200
            for schema, table, column in columns:
                query = f'select count(*) from "{schema}"."{table}" where contains("{column}", \'{MARK}\')'
                if connection.sql(query).fetchall() != [(0,)]:
                    found.append(f"{table}.{column}")
        return found

    def counts(self) -> tuple[int, ...]:
        """Rows in, used, late and rejected, of the newest run."""
        query = """
            select event_count, events_used, events_outside_window, events_rejected
            from segmentry.segmentation_runs order by recorded_at desc limit 1
        """
        return rows(self.database, query)[0]

    def files_with_mark(self) -> list[str]:
        """Files that a build or a publication left, with a text that was planted."""
        places = [self.output, self.directory / "published"]
        files = [path for place in places for path in place.rglob("*") if path.is_file()]
        assert len(files) > 10
        return [path.name for path in files if MARK.encode() in path.read_bytes()]


def test_an_erased_customer_is_gone_and_stays_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEGMENTRY_ERASURE_KEY", raising=False)
    shop = Shop(tmp_path)
    assert shop.build(listed=[]) == ""
    before = shop.counts()
    assert {"segment_member_history.customer_id", "id_merge_changes.old_customer_id"} <= {
        *shop.tables_with_mark()
    }
    publish(shop.database, tmp_path / "published", csv_tables=None)
    assert {"customers.csv", "marts.duckdb", "warehouse.duckdb"} <= set(shop.files_with_mark())

    # Named by an id in the middle of the chain, with space around it.
    listed = [f" {LISTED} "]
    assert "SEGMENTRY_ERASURE_KEY is not set" in shop.build(listed=listed)
    monkeypatch.setenv("SEGMENTRY_ERASURE_KEY", KEY)
    assert shop.build(listed=listed) == ""
    assert shop.tables_with_mark() == []
    total, used, late, rejected = shop.counts()
    assert total == before[0] == used + late + rejected
    reasons = dict(rows(shop.database, "select reason, count(*) from segmentry.rejected_events group by all"))
    assert reasons["erased"] == len(IDS) * 5 * 3
    merges = dict(rows(shop.database, "select reason, count(*) from segmentry.id_merge_rejects group by all"))
    assert merges["erased"] == 6
    # Who only met the customer in a conflict is still there.
    customers = f"select count(*) from segmentry.customers where customer_id = '{shop.bystander}'"
    assert rows(shop.database, customers) == [(1,)]
    publish(shop.database, tmp_path / "published", csv_tables=None)
    assert set(shop.files_with_mark()) <= {"warehouse.duckdb"}
    compact(shop.database)
    assert shop.files_with_mark() == []
    assert not any(KEY.encode() in path.read_bytes() for path in shop.output.rglob("*") if path.is_file())

    # Nobody is listed any more, and the source still has the events.
    run_id = rows(shop.database, "select run_id from segmentry_internal.int_segmentry__run")
    monkeypatch.setenv("SEGMENTRY_ERASURE_KEY", "another secret of enough letters")
    assert "is not the key under which" in shop.build(listed=[])
    monkeypatch.delenv("SEGMENTRY_ERASURE_KEY")
    assert "SEGMENTRY_ERASURE_KEY is not set" in shop.build(listed=[])
    monkeypatch.setenv("SEGMENTRY_ERASURE_KEY", KEY)
    assert shop.build(listed=[]) == ""
    assert shop.tables_with_mark() == []
    assert rows(shop.database, "select run_id from segmentry_internal.int_segmentry__run") == run_id
    assert rows(shop.database, "select count(*) from segmentry_internal.int_segmentry__erased_ids") == [(4,)]
