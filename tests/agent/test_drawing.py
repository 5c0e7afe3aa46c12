"""Jobs that take time to make: others go on meanwhile, and one is made at a time."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from deepeyes.agent.many import at_most
from deepeyes.core.errors import InputError


async def test_jobs_drawn_in_threads_do_not_stop_those_in_flight() -> None:
    ticks, done, loop_thread = 0, list[int](), threading.get_ident()

    def jobs() -> Iterator[int]:
        for number in range(4):
            assert threading.get_ident() != loop_thread
            time.sleep(0.05)
            yield number

    async def work(number: int) -> None:
        nonlocal ticks
        for _ in range(10):
            await asyncio.sleep(0.001)
            ticks += 1
        done.append(number)

    await at_most(3, jobs(), work, drawn_in_thread=True)
    assert sorted(done) == [0, 1, 2, 3] and ticks == 40


async def test_what_goes_wrong_in_drawing_comes_out_as_itself() -> None:
    def jobs() -> Iterator[int]:
        yield 1
        raise InputError("row 2 is no row", "mend it")

    done: list[int] = []

    async def work(number: int) -> None:
        done.append(number)

    with pytest.raises(InputError, match="row 2"):
        await at_most(3, jobs(), work, drawn_in_thread=True)
    assert done == [1]
