"""What was found is remembered, made once however many ask, and never a failure."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from deepeyes.search.memo import Memo


def test_an_answer_is_made_once_also_by_many_threads() -> None:
    memo, made, together = Memo[int](), list[int](), threading.Barrier(8)

    def make() -> int:
        time.sleep(0.02)
        made.append(1)
        return 7

    def ask(key: str) -> int:
        together.wait(5)
        return memo.get(key, make)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, ["a", "b"] * 4)) == [7] * 8
    assert len(made) == 2


def test_a_failure_is_not_kept() -> None:
    memo = Memo[int]()
    with pytest.raises(ZeroDivisionError):
        memo.get("a", lambda: 1 // 0)
    assert memo.get("a", lambda: 3) == 3


def test_an_answer_of_nothing_is_one_too_and_the_oldest_go_first() -> None:
    memo, made = Memo[None](size=2), list[str]()
    for key in ("a", "b", "a", "c", "a", "b"):
        memo.get(key, lambda key=key: made.append(key))
    assert made == ["a", "b", "c", "b"], "a was asked again and stays, b had to go"
