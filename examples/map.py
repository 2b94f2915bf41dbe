"""Apply a mapping of this directory: python examples/map.py MAPPING.sql INPUT.parquet OUTPUT.parquet."""

import sys
from pathlib import Path

import duckdb

mapping, source, target = sys.argv[1:]
with duckdb.connect() as connection:
    connection.read_parquet(source).create_view("lines")
    connection.sql(Path(mapping).read_text()).write_parquet(target)
