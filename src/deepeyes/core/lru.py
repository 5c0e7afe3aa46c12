"""A bounded memory of what is dear to make, shared by threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class LruCache(Generic[V]):
    """Values by key; the least recently used are forgotten when their weights exceed `room`.

    A value is made once while it is remembered, also when many threads ask for it at once: they wait for the
    first.
    """

    def __init__(self, room: float) -> None:
        self._room = room
        self._held = 0.0
        self._values: OrderedDict[Hashable, tuple[V, float]] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def held(self, key: Hashable) -> V | None:
        """The value of `key` if it is remembered; asking for it counts as use."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def get(self, key: Hashable, make: Callable[[], V], weight: Callable[[V], float]) -> V:
        """The value of `key`, made if it is not remembered; what `make` raises is passed on."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][0]
            turn = self._making.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._values:
                    return self._values[key][0]
            value = make()
            with self._lock:
                self._values[key] = (value, weight(value))
                self._held += self._values[key][1]
                self._making.pop(key, None)
                while self._held > self._room and len(self._values) > 1:
                    self._held -= self._values.popitem(last=False)[1][1]
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
            self._held = 0.0
