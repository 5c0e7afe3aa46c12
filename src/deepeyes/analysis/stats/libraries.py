"""The libraries behind the tests, imported when one is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from deepeyes.core.errors import ConfigError, boundary


def library(module: str) -> Any:
    """A module of scipy or statsmodels. Raises `ConfigError` where it is not installed."""
    remedy = "pip install 'deepeyes[eval]'"
    with boundary(ConfigError, f"loading {module}", remedy, expected=ImportError):
        return import_module(module)
