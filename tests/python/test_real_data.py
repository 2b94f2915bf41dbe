"""Public data sets through the door; their totals computed independently."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from conftest import ROOT
from door import rows, run
from test_readme import segments_table, shown

SHARED = ROOT.parent / "shared" / "data"


def mapped(name: str, source: str, directory: Path) -> Path:
    target = directory / "events.parquet"
    script = [
        sys.executable,
        str(ROOT / "examples" / "map.py"),
        str(ROOT / "examples" / f"{name}.sql"),
        str(SHARED / source),
        str(target),
    ]
    subprocess.run(script, check=True)
    return target


def assert_constructive(database: Path) -> None:
    """Both shops are a continuum: the cuts are stable, and no more than chance makes them."""
    assert rows(database, "select segmentation_kind from segmentry.segmentation_runs") == [("constructive",)]
    assert rows(database, "select count(*) from segmentry.segments where is_production_ready") == [(0,)]
    evidence = rows(
        database, "select count(silhouette_bar), min(prediction_strength) from segmentry.cluster_selection"
    )
    assert evidence[0][0] == 9
    assert 0 < evidence[0][1] < 1


@pytest.mark.skipif(not SHARED.exists(), reason="the real data sets are not here")
def test_online_retail_adds_up(tmp_path: Path) -> None:
    mapped("online_retail", "online_retail_2010_2011.parquet", tmp_path)
    zone = "{segmentry_reporting_currency: GBP, segmentry_time_zone: Europe/London, segmentry_input_time_zone: Europe/London}"
    done = run("--events", "events.parquet", "--output", "out", "--vars", zone, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    source = SHARED / "online_retail_2010_2011.parquet"
    independent = duckdb.sql(
        f"""
        with lines as (
            select *, order_id like 'C%' as is_refund, cast(round(abs(quantity) * unit_price, 2) as decimal(18, 2)) as money
            from read_parquet('{source}') where customer_id is not null
        )
        select
            count(distinct customer_id), sum(case when is_refund then 0 else money end), sum(case when is_refund then money else 0 end),
            count(distinct case when not is_refund then (customer_id, order_id) end)
        from lines
        """
    ).fetchall()
    found = rows(
        tmp_path / "out" / "warehouse.duckdb",
        "select count(*), sum(gross_revenue), sum(refund_amount), sum(order_count) from segmentry.customers",
    )
    assert found == independent
    rejected = rows(
        tmp_path / "out" / "warehouse.duckdb",
        "select count(*) from segmentry.rejected_events where reason = 'missing_customer_id'",
    )
    assert (
        rejected
        == duckdb.sql(f"select count(*) from read_parquet('{source}') where customer_id is null").fetchall()
    )
    assert_constructive(tmp_path / "out" / "warehouse.duckdb")
    assert shown("retail") == segments_table(tmp_path / "out" / "warehouse.duckdb")


@pytest.mark.skipif(not SHARED.exists(), reason="the real data sets are not here")
def test_cdnow_adds_up(tmp_path: Path) -> None:
    mapped("cdnow", "cdnow_master.parquet", tmp_path)
    done = run(
        "--events",
        "events.parquet",
        "--output",
        "out",
        "--vars",
        # The kind is decided before the bootstrap, of which nothing is asserted here.
        "{segmentry_reporting_currency: USD, segmentry_bootstrap_replicates: 5}",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    source = SHARED / "cdnow_master.parquet"
    independent = duckdb.sql(
        f"""
        select count(distinct customer_id), sum(cast(amount as decimal(18, 2))), count(*), min(event_time), max(event_time)
        from read_parquet('{source}')
        """
    ).fetchall()
    found = rows(
        tmp_path / "out" / "warehouse.duckdb",
        "select count(*), sum(gross_revenue), sum(order_count), min(first_seen_at), max(last_seen_at) from segmentry.customers",
    )
    assert found == independent
    assert_constructive(tmp_path / "out" / "warehouse.duckdb")
    assert rows(
        tmp_path / "out" / "warehouse.duckdb",
        "select count(*) from segmentry.customers where preferred_hour is not null",
    ) == [(0,)]
