"""The adapter of dbt for ``type: segmentry_postgres``; dbt finds it by this place."""

from pathlib import Path

from dbt.adapters.base.plugin import AdapterPlugin

from segmentry.engines.postgres import Credentials, Segmentry_PostgresAdapter

Plugin = AdapterPlugin(
    adapter=Segmentry_PostgresAdapter,  # type: ignore[arg-type]
    credentials=Credentials,
    include_path=str(Path(__file__).resolve().parents[2] / "include" / "segmentry_postgres"),
    dependencies=["postgres"],
)
