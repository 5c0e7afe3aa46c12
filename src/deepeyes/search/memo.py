"""What was found lately, by what was asked: the samples of one question ask the same over and over.

What always holds: an answer is made once, also where several threads ask for it at the same time (the others
wait); a failure is told to those that wait and is not kept; only so many answers are held, the latest.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Memo(Generic[T]):
    """Answers that nobody may change, `size` at most."""

    def __init__(self, size: int = 256) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._held: OrderedDict[Hashable, Future[T]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The answer to `key`; `make` makes it where it is not held."""
        with self._lock:
            held = self._held.get(key)
            answer: Future[T] = held or Future()
            self._held[key] = answer
            self._held.move_to_end(key)
            while len(self._held) > self._size:
                self._held.popitem(last=False)
        if held is None:
            try:
                answer.set_result(make())
            except BaseException as error:
                with self._lock:
                    self._held.pop(key, None)
                answer.set_exception(error)
        return answer.result()
