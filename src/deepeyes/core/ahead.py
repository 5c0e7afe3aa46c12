"""Work done ahead of its use, by threads, in order: drawing images while a model looks at those before.

What always holds: results come in the order of their jobs; at most `ahead` jobs are begun that nobody has
taken; what a job raises comes out where its result would have; nothing is begun before the first is asked
for, and when nobody takes any more, what is under way is waited for and nothing else is begun.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

THREADS = max(2, min(8, os.cpu_count() or 1))


def in_order(
    work: Callable[[Job], Result], jobs: Iterable[Job], *, threads: int = THREADS, ahead: int = 2 * THREADS
) -> Iterator[Result]:
    """`work` of every job. It must be safe in threads, and gains where it leaves Python's lock."""
    left, begun = iter(jobs), deque[Future[Result]]()
    pool = ThreadPoolExecutor(threads, "ahead")
    try:
        begun.extend(pool.submit(work, job) for job in islice(left, ahead))
        while begun:
            result = begun.popleft().result()
            begun.extend(pool.submit(work, job) for job in islice(left, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
