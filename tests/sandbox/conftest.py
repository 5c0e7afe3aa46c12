"""One sandbox for all tests of a file's event loop; each test opens sessions of its own."""

import inspect
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio

from deepeyes.core.errors import SandboxUnavailable
from deepeyes.sandbox import Sandbox, SandboxLimits, Session, canary
from deepeyes.sandbox.tiers import TIERS, Refused


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sandbox() -> AsyncGenerator[Sandbox, None]:
    try:
        async with Sandbox.start(preload="slim", limits=SandboxLimits(nice=0)) as started:
            yield started
    except SandboxUnavailable as problem:
        # A machine that cannot start one is no fault; a wall that lets the canary through is.
        walls = {f"{tier} / {wall}" for tier in TIERS for wall in canary.WALLS}
        if isinstance(problem, Refused) and any(probe.name in walls for probe in problem.probes):
            raise
        pytest.skip(str(problem))


@pytest_asyncio.fixture(loop_scope="session")
async def session(sandbox: Sandbox) -> AsyncGenerator[Session, None]:
    async with await sandbox.open(seed=0) as opened:
        yield opened


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """All tests of this folder share the sandbox, so they share its event loop."""
    for item in items:
        if "tests/sandbox" in str(item.path) and inspect.iscoroutinefunction(item.function):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
