"""The adapter of dbt for ``type: segmentry_postgres``; dbt finds it by this place."""

from pathlib import Path

from dbt.adapters.base import AdapterPlugin
from segmentry.engines.postgres import Adapter, Credentials

Plugin = AdapterPlugin(
    adapter=Adapter,
    credentials=Credentials,
    include_path=str(Path(__file__).resolve().parents[2] / "include" / "segmentry_postgres"),
    dependencies=["postgres"],
)
