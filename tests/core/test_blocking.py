"""Asynchronous work for code that is not: waiting, Ctrl-C, and what is left behind."""

import asyncio
import gc
import os
import signal
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from deepeyes.core.blocking import BackgroundLoop
from deepeyes.core.errors import InputError

LOG: list[str] = []


@asynccontextmanager
async def thing(name: str) -> AsyncGenerator[str]:
    LOG.append(f"{name} opened")
    try:
        yield name
    finally:
        await asyncio.sleep(0)
        LOG.append(f"{name} closed")


@pytest.fixture(autouse=True)
def nothing_stays() -> AsyncGenerator[None]:
    LOG.clear()
    yield
    names = [thread.name for thread in threading.enumerate()]
    assert "waiting" not in names


async def double(value: int) -> int:
    await asyncio.sleep(0.001)
    return 2 * value


def test_one_waits_for_the_result_and_for_the_exception():
    async def fail() -> None:
        raise InputError("no", "give another")

    loop = BackgroundLoop("waiting")
    assert loop.wait(double(4)) == 8
    with pytest.raises(InputError, match="give another"):
        loop.wait(fail())
    assert loop.wait(double(5)) == 10
    loop.close()


async def test_it_works_inside_a_running_loop():
    loop = BackgroundLoop("waiting")
    assert loop.wait(double(4)) == 8
    loop.close()


def test_several_threads_may_wait_at_once():
    loop = BackgroundLoop("waiting")
    loop.wait(double(0))
    gate = threading.Barrier(4, timeout=10)
    got: list[int] = []

    def ask(value: int) -> None:
        gate.wait()
        got.append(loop.wait(double(value)))

    threads = [threading.Thread(target=ask, args=(value,)) for value in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [0, 2, 4, 6]
    loop.close()


def test_what_was_entered_is_left_in_turn_and_closing_twice_is_fine():
    loop = BackgroundLoop("waiting")
    assert loop.enter(thing("a")) == "a" and loop.enter(thing("b")) == "b"
    loop.close()
    loop.close()
    assert LOG == ["a opened", "b opened", "b closed", "a closed"]


def test_after_closing_it_begins_anew():
    loop = BackgroundLoop("waiting")
    loop.enter(thing("a"))
    loop.close()
    assert loop.wait(double(1)) == 2
    loop.enter(thing("b"))
    loop.close()
    assert LOG == ["a opened", "a closed", "b opened", "b closed"]


def test_a_failure_while_leaving_comes_out_of_close():
    @asynccontextmanager
    async def broken() -> AsyncGenerator[None]:
        yield
        raise InputError("it broke", "mend it")

    loop = BackgroundLoop("waiting")
    loop.enter(thing("a"))
    loop.enter(broken())
    with pytest.raises(InputError, match="mend it"):
        loop.close()
    assert LOG == ["a opened", "a closed"]


def test_a_loop_that_nobody_holds_closes_what_it_held():
    loop = BackgroundLoop("waiting")
    loop.enter(thing("a"))
    del loop
    gc.collect()
    until = time.monotonic() + 10
    while "a closed" not in LOG and time.monotonic() < until:
        time.sleep(0.01)
    assert LOG == ["a opened", "a closed"]
    while any(thread.name == "waiting" for thread in threading.enumerate()) and time.monotonic() < until:
        time.sleep(0.01)


def test_ctrl_c_cancels_the_work_lets_it_end_and_is_raised():
    async def work() -> None:
        async with thing("work"):
            os.kill(os.getpid(), signal.SIGINT)
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(0.05)
                LOG.append("kept")
                raise

    loop = BackgroundLoop("waiting")
    with pytest.raises(KeyboardInterrupt):
        loop.wait(work())
    assert LOG == ["work opened", "kept", "work closed"]
    assert loop.wait(double(4)) == 8, "it goes on being of use"
    loop.close()


def test_waiting_for_itself_is_refused_at_once():
    loop = BackgroundLoop("waiting")

    async def work() -> None:
        loop.wait(double(1))

    with pytest.raises(RuntimeError, match="await it"):
        loop.wait(work())
    loop.close()
