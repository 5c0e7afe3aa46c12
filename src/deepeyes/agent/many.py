"""Many jobs at once: a bounded number in flight, none waiting for another.

What always holds: jobs are drawn lazily; a bug or a mistake of the user in one of them stops the others and
comes out as itself, after every other job in flight has come to its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from hashlib import sha256
from typing import TypeVar

T = TypeVar("T")


async def at_most(concurrency: int, jobs: Iterable[T], work: Callable[[T], Awaitable[object]]) -> None:
    """`work` on every one of `jobs`, drawn lazily, so many at once; what stops it comes out as itself."""
    waiting = iter(jobs)

    async def worker() -> None:
        for job in waiting:
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
