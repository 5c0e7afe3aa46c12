"""The sandbox that the sandbox's own tests use, on its own event loop."""

import inspect
from typing import Any

import pytest
from sandbox.conftest import sandbox

__all__ = ["sandbox"]


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """The sandbox's tests share one event loop with the sandbox."""
    for item in items:
        if item.path.name == "test_sandbox.py" and inspect.iscoroutinefunction(item.function):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
