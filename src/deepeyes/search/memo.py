"""What was found lately, by what was asked: the samples of one question ask the same over and over.

What always holds: an answer is made once, also where several threads ask for it at the same time (the others
wait); after a failure the next one tries again; only so many answers are held, the latest.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Memo(Generic[T]):
    """Answers that nobody may change, `size` at most."""

    def __init__(self, size: int = 256) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._held: OrderedDict[Hashable, _Answer[T]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The answer to `key`; `make` makes it where it is not held."""
        with self._lock:
            answer = self._held.setdefault(key, _Answer())
            self._held.move_to_end(key)
            while len(self._held) > self._size:
                self._held.popitem(last=False)
        with answer.lock:
            if not answer.made:
                answer.made = [make()]
        return answer.made[0]


class _Answer(Generic[T]):
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made: list[T] = []
        """The answer, once there is one."""
