"""dbt compares the version of an adapter with its own."""

from dbt.adapters.spark.__version__ import version

__all__ = ["version"]
