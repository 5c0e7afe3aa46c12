"""Many jobs at once: a bounded number in flight, none waiting for another.

What always holds: jobs are drawn lazily; a bug or a mistake of the user in one of them stops the others and
comes out as itself, after every other job in flight has come to its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from enum import Enum, auto
from hashlib import sha256
from typing import TypeVar

T = TypeVar("T")


class _End(Enum):
    """Comes after the last job."""

    end = auto()


async def at_most(
    concurrency: int,
    jobs: Iterable[T],
    work: Callable[[T], Awaitable[object]],
    *,
    drawn_in_thread: bool = False,
) -> None:
    """`work` on every one of `jobs`, drawn lazily, so many at once; what stops it comes out as itself.

    With `drawn_in_thread` what makes the next job does not stop those in flight meanwhile.
    """
    waiting, turn = iter(jobs), asyncio.Lock()

    async def drawn() -> T | _End:
        if not drawn_in_thread:
            return next(waiting, _End.end)
        async with turn:
            return await asyncio.to_thread(next, waiting, _End.end)

    async def worker() -> None:
        while not isinstance(job := await drawn(), _End):
            await work(job)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, concurrency)):
                group.create_task(worker())
    except BaseExceptionGroup as group_error:
        raise _first(group_error) from None


def episode_seed(seed: int, task_id: str, sample: int) -> int:
    """A seed of 31 bits that depends on nothing but its arguments, so order and resuming do not matter."""
    digest = sha256(f"{seed}/{task_id}/{sample}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first real error: what stopped the run, not what the stop did to others."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error  # pyright: ignore[reportUnknownArgumentType]
