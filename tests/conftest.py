"""What holds for every test."""

import asyncio
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("repo", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("repo")


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_works() -> Iterator[None]:
    """A shell that starts a run in the background has it ignore Ctrl-C; the tests of it must not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited with `asyncio.sleep`, in seconds, without waiting."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return waited
