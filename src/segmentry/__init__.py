"""Customer segments that you can defend."""

__version__ = "0.1.0"
