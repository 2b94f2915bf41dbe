"""The adapter of dbt for ``type: segmentry_spark``; dbt finds it by this place."""

from pathlib import Path

from dbt.adapters.base.plugin import AdapterPlugin

from segmentry.engines.spark import Credentials, Segmentry_SparkAdapter

Plugin = AdapterPlugin(
    adapter=Segmentry_SparkAdapter,
    credentials=Credentials,
    include_path=str(Path(__file__).resolve().parents[2] / "include" / "segmentry_spark"),
    dependencies=["spark"],
)
