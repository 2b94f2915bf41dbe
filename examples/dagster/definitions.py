"""Segmentry in Dagster: an asset for each dbt model, built every morning."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dagster import AssetExecutionContext, Definitions, ScheduleDefinition, define_asset_job
from dagster_dbt import DbtCliResource, DbtProject, dbt_assets

# A clone of Segmentry, or your own dbt project that uses it as a package.
project = DbtProject(project_dir=Path(__file__).resolve().parents[2])
project.prepare_if_dev()


@dbt_assets(manifest=project.manifest_path, project=project, exclude="resource_type:unit_test")
def segmentry_assets(context: AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Build every model, test it, and report each as an asset with its checks."""
    yield from dbt.cli(["build"], context=context).stream()


everything = define_asset_job("segmentry_build", selection="*")

definitions = Definitions(
    assets=[segmentry_assets],
    jobs=[everything],
    schedules=[ScheduleDefinition(job=everything, cron_schedule="15 4 * * *")],
    resources={"dbt": DbtCliResource(project_dir=project)},
)
