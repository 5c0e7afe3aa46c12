"""`in_order`: threads that work ahead, results in the order of their jobs."""

import threading
import time
from collections.abc import Iterator

import pytest

from deepeyes.core.ahead import in_order


def test_results_come_in_the_order_of_their_jobs() -> None:
    def slow_first(job: int) -> int:
        time.sleep(0.02 if job % 3 == 0 else 0)
        return job * job

    assert list(in_order(slow_first, range(30), threads=4, ahead=7)) == [n * n for n in range(30)]
    assert list(in_order(slow_first, ())) == []


def test_jobs_are_drawn_no_further_ahead_than_asked() -> None:
    drawn: list[int] = []

    def jobs() -> Iterator[int]:
        for number in range(1000):
            drawn.append(number)
            yield number

    results = in_order(lambda job: job, jobs(), threads=2, ahead=5)
    assert drawn == []
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    assert len(drawn) == 3 + 5
    results.close()  # type: ignore[attr-defined]
    assert len(drawn) == 3 + 5


def test_several_work_at_once() -> None:
    together = threading.Barrier(3, timeout=10)
    assert len(list(in_order(lambda _: together.wait(), range(3), threads=3, ahead=3))) == 3


def test_an_error_comes_out_in_its_place_and_nothing_else_is_begun() -> None:
    begun: list[int] = []

    def work(job: int) -> int:
        begun.append(job)
        if job == 2:
            raise ValueError("the third")
        return job

    results = in_order(work, range(100), threads=1, ahead=4)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="the third"):
        next(results)
    assert max(begun) < 8
