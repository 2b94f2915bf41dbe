"""dbt compares the version of an adapter with its own."""

from dbt.adapters.postgres.__version__ import version

__all__ = ["version"]
